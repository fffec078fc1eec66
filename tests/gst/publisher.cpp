// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher.h"

namespace cuframes::test {
namespace {

ChildOptions pipeline_child(std::map<std::string, std::string> environment) {
    ChildOptions options;
    options.role = "pipeline";
    options.environment = std::move(environment);
    return options;
}

} // namespace

RemotePipeline::RemotePipeline(const std::string& description, std::map<std::string, std::string> environment)
    : child_(pipeline_child(std::move(environment))) {
    call(Message("launch").set("description", description));
}

Message RemotePipeline::call(Message request, milliseconds limit) {
    child_.send(request);
    const Message reply = child_.receive(limit);
    if (reply.verb() != "ok") {
        throw ChildError(request.encode() + " failed: " + reply.text("text"));
    }
    return reply;
}

std::string RemotePipeline::set_state(const std::string& state) {
    return call(Message("state").set("to", state)).text("result");
}

void RemotePipeline::set(const std::string& element, const std::string& property, const std::string& value) {
    call(Message("set").set("element", element).set("property", property).set("value", value));
}

int64_t RemotePipeline::stat(const std::string& field, const std::string& element) {
    return call(Message("stat").set("element", element).set("field", field)).number("value");
}

} // namespace cuframes::test
