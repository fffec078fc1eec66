// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/export.h"

#include <CLI/CLI.hpp>

namespace cuframes::tools {

namespace {

std::string wrong_with_address(const std::string& text) {
    return address_in(text) ? "" : "\"" + text + "\" is no address: write :9464, 127.0.0.1:9464 or [::1]:9464";
}

} // namespace

std::optional<Address> address_in(const std::string& text) {
    const size_t colon = text.rfind(':');
    std::string host = colon == std::string::npos ? "" : text.substr(0, colon);
    const std::string port = colon == std::string::npos ? text : text.substr(colon + 1);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    } else if (host.find_first_of(":[]") != std::string::npos) {
        return std::nullopt;
    }
    const bool number = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
    if (!number || std::stoi(port) > 65535) {
        return std::nullopt;
    }
    return Address{host, std::stoi(port)};
}

void declare(CLI::App& verb, ExportOptions& options) {
    verb.add_option("--listen", options.listen, "where to be scraped (:9464, of all interfaces)")
        ->type_name("ADDRESS")
        ->check(CLI::Validator(wrong_with_address, ""));
    verb.add_flag("--once", options.once, "print the metrics and end, for node_exporter's text files");
    declare_directory(verb, options.directory);
    declare_timeout(verb, options.timeout);
}

} // namespace cuframes::tools
