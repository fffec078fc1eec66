// SPDX-License-Identifier: LGPL-2.1-or-later
/// `cuframes doctor [KEY]`: whether all is there that sharing needs, and what to do about what is not.
#include "facts/doctor/examinations.h"
#include "facts/ring_json.h"
#include "facts/run.h"
#include "facts/words.h"
#include "shared/say.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>

namespace cuframes::tools {

namespace {

using doctor::Finding;
using doctor::Findings;
using doctor::Level;

const char* word_of(Level level) {
    switch (level) {
    case Level::ok:
        return "ok";
    case Level::warning:
        return "warning";
    case Level::failure:
        break;
    }
    return "FAIL";
}

void print_lines(const Findings& findings) {
    for (const Finding& finding : findings.all()) {
        fmt::print("{:<8} {:<11} {}\n", word_of(finding.level), finding.topic, printable(finding.what));
        if (!finding.advice.empty()) {
            fmt::print("{:<20} -> {}\n", "", printable(finding.advice));
        }
    }
}

void print_json(const Findings& findings) {
    Json all = Json::array();
    for (const Finding& finding : findings.all()) {
        all.push_back({{"level", word_of(finding.level)},
                       {"topic", finding.topic},
                       {"what", finding.what},
                       {"advice", finding.advice.empty() ? Json(nullptr) : Json(finding.advice)}});
    }
    print(Json{{"healthy", findings.healthy()}, {"findings", all}});
}

} // namespace

bool doctor::Findings::healthy() const {
    return std::none_of(all_.begin(), all_.end(), [](const Finding& one) { return one.level == Level::failure; });
}

int run(const DoctorOptions& options) {
    if (!std::getenv("CUFRAMES_LOG")) {
        // What the library warns of is among the findings.
        cuframes_set_log_func([](cuframes_log_level, const char*, void*) {}, nullptr, CUFRAMES_LOG_ERROR);
    }
    // Files that may not grow are to be told of.
    std::signal(SIGXFSZ, SIG_IGN);
    Findings findings;
    doctor::examine_versions(findings);
    const auto driver = doctor::GpuDriver::load();
    doctor::examine_kernel(findings);
    doctor::examine_limits(findings);
    doctor::examine_memory(findings);
    doctor::examine_directory(findings, options);
    doctor::examine_gpus(findings, driver);
    doctor::try_sharing(findings, driver, options);
    if (!options.key.empty()) {
        doctor::examine_key(findings, driver, options);
    }
    options.json ? print_json(findings) : print_lines(findings);
    return findings.healthy() ? exit_done : exit_failed;
}

} // namespace cuframes::tools
