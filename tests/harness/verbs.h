// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "cuframes/cuframes.h"
#include "message.h"

#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

namespace cuframes::test {

/// What a child does on each verb; it returns the answer's line.
using Verbs = std::map<std::string, std::function<Message(const Message&)>>;

template <class Role>
void add_verb(Verbs& verbs, const char* verb, Role* role, Message (Role::*method)(const Message&)) {
    verbs[verb] = [role, method](const Message& request) { return (role->*method)(request); };
}

/// A call of the library that failed: answered to the test as `error code=… text=…`.
class CallFailed : public std::runtime_error {
public:
    explicit CallFailed(int code) : std::runtime_error(cuframes_last_error_message()), code_(code) {}
    int code() const { return code_; }

private:
    int code_;
};

inline int must(int result) {
    if (result < 0) {
        throw CallFailed(result);
    }
    return result;
}

/// Code of an `error` answer that is not the library's: pixels were wrong, or the test asked for nonsense.
inline constexpr int wrong_pixels = -1000;

/// The child's next line; nothing: the test has closed it.
std::optional<Message> read_line();
/// Does what the line says and answers.
void obey(const Verbs& verbs, const Message& request);

} // namespace cuframes::test
