# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is deployed in containers is well formed, asks for no rights, and fits together: users, directories, commands.

DEPLOY_SOURCE   the checkout
DEPLOY_COMMAND  the built command `cuframes`, if there is one
"""

import importlib.util
import json
import os
import pathlib
import re
import shlex
import subprocess
import unittest

import yaml

SOURCE = pathlib.Path(os.environ["DEPLOY_SOURCE"])
COMMAND = os.environ.get("DEPLOY_COMMAND")
CONTAINERS = SOURCE / "deploy/containers"
MANIFESTS = sorted((SOURCE / "deploy/kubernetes").glob("*.yaml"))
REQUIRED = os.environ.get("CUFRAMES_TEST_REQUIRE", "").split(",")


def optional(module):
    """A package that a test may be skipped without, unless it is required."""
    found = importlib.util.find_spec(module)
    if not found and module in REQUIRED:
        raise AssertionError(f"{module} is required, and not here")
    return found


def image_facts():
    """What the image has, as its file says it: user and group by name and number, folders of theirs, variables."""
    text = (CONTAINERS / "Containerfile").read_text().rsplit("\nFROM ", 1)[1]
    return {
        "uid": int(re.search(r"useradd --uid (\d+)", text)[1]),
        "gid": int(re.search(r"groupadd --gid (\d+) ([\w-]+)", text)[1]),
        "group": re.search(r"groupadd --gid (\d+) ([\w-]+)", text)[2],
        "folders": re.findall(r"install -d -o frames -g [\w-]+ -m 2750 (\S+)", text),
        "directory": re.search(r"CUFRAMES_DIR=(\S+)", text)[1],
        "entry": json.loads(re.search(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[1]),
        "examples": re.search(r"^COPY examples/python (\S+)$", text, re.MULTILINE)[1],
    }


def usage_problems(words, image):
    """What is wrong with the words that a container is started with, behind the image's entry point or instead of it."""
    if words[:2] == ["sh", "-c"]:
        words = shlex.split(words[2].removeprefix("exec cuframes "))
    if words[0] == "python3":
        name = pathlib.PurePath(words[1])
        if str(name.parent) != image["examples"] or not (SOURCE / "examples/python" / name.name).exists():
            yield f"there is no {name} in the image"
        return
    if not COMMAND:
        return
    help_of_all = subprocess.run([COMMAND, "--help"], capture_output=True, text=True, check=True).stdout
    if not re.search(rf"^ +{words[0]} ", help_of_all, re.MULTILINE):
        # Verbs that need GStreamer are not built without it.
        return
    text = subprocess.run([COMMAND, words[0], "--help"], capture_output=True, text=True, check=False).stdout
    for word in words[1:]:
        if word.startswith("--") and word not in text:
            yield f"cuframes {words[0]} has no {word}"
    for group in re.findall(r"group:([\w-]+)", " ".join(words)):
        if group != image["group"]:
            yield f"there is no group {group} in the image"


class ComposeTest(unittest.TestCase):
    def setUp(self):
        self.compose = yaml.safe_load((CONTAINERS / "compose.yaml").read_text())
        self.gpu = yaml.safe_load((CONTAINERS / "compose.gpu.yaml").read_text())
        self.image = image_facts()

    def test_files_follow_the_specification(self):
        import jsonschema

        schema = json.loads((pathlib.Path(__file__).parent / "compose-spec/compose-spec.json").read_text())
        validator = jsonschema.Draft7Validator(schema)
        for document in (self.compose, self.gpu):
            self.assertEqual([error.message for error in validator.iter_errors(document)], [])
        self.compose["services"]["publisher"]["volume"] = []
        self.assertNotEqual(list(validator.iter_errors(self.compose)), [])

    def test_image_is_built_from_the_sources_alone(self):
        publisher = self.compose["services"]["publisher"]["build"]
        context = (CONTAINERS / publisher["context"]).resolve()
        self.assertEqual(context, SOURCE.resolve())
        self.assertTrue((context / publisher["dockerfile"]).exists())
        self.assertLessEqual({".git", "build"}, set((context / ".dockerignore").read_text().splitlines()))

    def test_there_is_each_role(self):
        self.assertEqual(set(self.compose["services"]), {"publisher", "detector", "recorder", "exporter"})

    def test_nothing_of_the_host_is_shared_and_no_right_is_asked_for(self):
        for name, service in self.compose["services"].items():
            for key in ("ipc", "pid", "network_mode", "privileged", "cap_add", "devices", "shm_size", "userns_mode"):
                self.assertNotIn(key, service, name)
            self.assertEqual((service["cap_drop"], service["read_only"]), (["ALL"], True), name)
            self.assertIn("no-new-privileges:true", service["security_opt"])
            for mount in service["volumes"]:
                self.assertIn(mount.split(":")[0], self.compose["volumes"], name)

    def test_all_have_the_directory_and_publishers_alone_may_write_there(self):
        for name, service in self.compose["services"].items():
            mounts = [mount.split(":") for mount in service["volumes"]]
            (sockets,) = [mount[1:] for mount in mounts if mount[0] == "sockets"]
            self.assertEqual(sockets, [self.image["directory"], *([] if name == "publisher" else ["ro"])], name)
        options = self.compose["volumes"]["sockets"]["driver_opts"]["o"]
        self.assertIn(f"mode=2750,uid={self.image['uid']},gid={self.image['gid']}", options)

    def test_who_is_another_user_has_the_group(self):
        for name, service in self.compose["services"].items():
            if service.get("user", "").split(":")[0] not in ("", str(self.image["uid"])):
                self.assertEqual(service["group_add"], [str(self.image["gid"])], name)
                self.assertIn(f"group:{self.image['group']}", self.compose["services"]["publisher"]["command"])

    def test_folders_that_are_written_belong_to_who_writes(self):
        for name, service in self.compose["services"].items():
            for mount in service["volumes"]:
                _, folder, *mode = mount.split(":")
                if mode != ["ro"]:
                    self.assertIn(folder, self.image["folders"], name)
                    self.assertNotIn("user", service, name)

    def test_commands_are_those_of_the_image(self):
        self.assertEqual(self.image["entry"], ["/usr/bin/cuframes"])
        for name, service in self.compose["services"].items():
            words = [*service.get("entrypoint", []), *service["command"]]
            self.assertEqual(list(usage_problems(words, self.image)), [], name)

    def test_all_who_use_the_gpu_get_the_same(self):
        given = [service["deploy"]["resources"]["reservations"]["devices"] for service in self.gpu["services"].values()]
        self.assertEqual(given, [given[0]] * len(given))
        self.assertLessEqual(set(self.gpu["services"]), set(self.compose["services"]))
        self.assertLessEqual({"gpu", "video"}, set(given[0][0]["capabilities"]))


def documents(path):
    return list(yaml.safe_load_all(path.read_text()))


def pods(document):
    """The pod that a document makes, if it makes one."""
    template = document.get("spec", {}).get("template")
    return [template["spec"]] if template else []


def containers(pod):
    return [*pod.get("initContainers", []), *pod["containers"]]


class KubernetesTest(unittest.TestCase):
    def setUp(self):
        self.image = image_facts()
        self.assertGreaterEqual(len(MANIFESTS), 3)

    def each_pod(self):
        for path in MANIFESTS:
            for document in documents(path):
                for pod in pods(document):
                    yield f"{path.name}, {document['metadata']['name']}", path, pod

    def test_nothing_of_the_host_is_shared(self):
        for name, path, pod in self.each_pod():
            self.assertFalse({"hostIPC", "hostPID", "hostNetwork", "hostUsers"} & set(pod), name)
            of_host = [volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume]
            self.assertEqual(of_host, ["/run/cuframes"] if path.name == "node-directory.yaml" else [], name)

    def test_pods_are_restricted(self):
        for name, _, pod in self.each_pod():
            of_pod = pod["securityContext"]
            self.assertEqual(of_pod["seccompProfile"], {"type": "RuntimeDefault"}, name)
            for container in containers(pod):
                own = container["securityContext"]
                self.assertNotIn("privileged", own, name)
                self.assertIs(own["allowPrivilegeEscalation"], False, name)
                self.assertEqual(own["capabilities"]["drop"], ["ALL"], name)
                # What makes the directory of a node belong to the cameras is root's business, and nothing else.
                if container["command" if "command" in container else "args"][0] == "install":
                    self.assertLessEqual(set(own["capabilities"]["add"]), {"CHOWN", "FOWNER", "FSETID"})
                    continue
                self.assertNotIn("add", own["capabilities"], name)
                effective = {**of_pod, **own}
                self.assertIs(effective["runAsNonRoot"], True, name)
                self.assertGreater(effective["runAsUser"], 0, name)

    def test_users_and_groups_are_those_of_the_image(self):
        for name, path, pod in self.each_pod():
            for container in containers(pod):
                effective = {**pod["securityContext"], **container["securityContext"]}
                if effective["runAsUser"] not in (0, self.image["uid"]) and path.name == "node-directory.yaml":
                    self.assertIn(self.image["gid"], effective["supplementalGroups"], name)

    def test_claim_is_one_for_all_and_names_the_directory(self):
        claim, *users = documents(SOURCE / "deploy/kubernetes/gpu-claim.yaml")
        self.assertEqual((claim["kind"], len(users)), ("ResourceClaim", 2))
        for user in users:
            (pod,) = pods(user)
            (given,) = pod["resourceClaims"]
            # A template would make a claim, and a directory, for each.
            self.assertEqual(given["resourceClaimName"], claim["metadata"]["name"])
            for container in pod["containers"]:
                self.assertEqual(container["resources"]["claims"], [{"name": given["name"]}])
                # The image's own directory would come first.
                self.assertIn({"name": "CUFRAMES_DIR", "value": ""}, container["env"])

    def test_commands_are_those_of_the_image(self):
        for name, _, pod in self.each_pod():
            for container in containers(pod):
                words = [*container.get("command", []), *container.get("args", [])]
                if words[0] != "install":
                    self.assertEqual(list(usage_problems(words, self.image)), [], name)

    @unittest.skipUnless(optional("kubernetes_validate"), "no kubernetes_validate here")
    def test_manifests_follow_the_schemas_of_kubernetes(self):
        import kubernetes_validate

        for path in MANIFESTS:
            for document in documents(path):
                kubernetes_validate.validate(document, "1.34", strict=True)
        document["spec"]["replica"] = 1
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(document, "1.34", strict=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
