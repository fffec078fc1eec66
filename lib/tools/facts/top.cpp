// SPDX-License-Identifier: LGPL-2.1-or-later
/// `cuframes top`: all rings and readers, again and again.
#include "facts/ring_json.h"
#include "facts/run.h"
#include "facts/terminal.h"
#include "facts/top_page.h"
#include "facts/words.h"
#include "shared/say.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <cstdio>
#include <thread>

namespace cuframes::tools {

namespace {

using Clock = std::chrono::steady_clock;

/// Looks at all rings, as often as was asked for.
class Look {
public:
    explicit Look(const TopOptions& options)
        : options_(options),
          delay_(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.delay))) {}

    /// False: it failed, and said so.
    bool again() {
        asked_ = now_ns();
        // One that took long delays the next, and no more than that.
        next_ = std::max(next_, Clock::now() - delay_) + delay_;
        auto found = list(or_usual(options_.directory), to_timeout(options_.timeout));
        if (!found) {
            error_ = found.error().message;
            return false;
        }
        rings_.emplace(std::move(*found));
        rates_.look(*rings_, asked_);
        ++done_;
        return true;
    }

    bool was_last() const { return options_.iterations > 0 && done_ >= options_.iterations; }
    Clock::time_point next() const { return next_; }
    const std::string& error() const { return error_; }
    const Inspection& rings() const { return *rings_; }
    const ReaderRates& rates() const { return rates_; }
    uint64_t asked() const { return asked_; }

private:
    const TopOptions& options_;
    Clock::duration delay_;
    Clock::time_point next_ = Clock::now();
    std::optional<Inspection> rings_;
    ReaderRates rates_;
    uint64_t asked_ = 0;
    uint64_t done_ = 0;
    std::string error_;
};

void print_json(const Look& look) {
    Json all = Json::array();
    for (size_t i = 0; i < look.rings().size(); ++i) {
        Json ring = ring_json(look.rings()[i], look.asked());
        for (size_t r = 0; r < look.rings()[i].subscriber_count; ++r) {
            const auto rate = look.rates().of(look.rings()[i].key, look.rings()[i].subscribers[r]->id);
            ring["readers"][r]["rate"] = rate ? Json(*rate) : Json(nullptr);
        }
        all.push_back(std::move(ring));
    }
    const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    print(Json{{"time", fmt::format("{:%FT%T}Z", now)}, {"rings", all}}, Form::line);
}

void print_page(const TopPage& page, bool first) {
    fmt::print("{}{}\n{}\n", first ? "" : "\n", page.summary, page.heading.text);
    for (const TopPage::Line& line : page.rows) {
        fmt::print("{}\n", line.text);
    }
}

int run_batch(const TopOptions& options) {
    Look look(options);
    TopPages pages;
    for (bool first = true;; first = false) {
        if (!look.again()) {
            return failed("top", look.error());
        }
        if (options.json) {
            print_json(look);
        } else {
            print_page(pages.next(look.rings(), look.rates(), look.asked()), first);
        }
        // Whoever reads it is to have it now; where nobody does any more it ends.
        if (std::fflush(stdout) != 0 || look.was_last()) {
            return exit_done;
        }
        std::this_thread::sleep_until(look.next());
    }
}

std::string coloured(const TopPage::Line& line) {
    switch (line.tone) {
    case TopPage::Tone::plain:
        break;
    case TopPage::Tone::heading:
        return "\x1b[7m" + line.text;
    case TopPage::Tone::warning:
        return "\x1b[33m" + line.text;
    case TopPage::Tone::alarm:
        return "\x1b[31m" + line.text;
    }
    return line.text;
}

/// The page on the screen, and which part of it.
class Shown {
public:
    void show(TopPage page) { page_ = std::move(page); }
    void move(int rows) { above_ = rows < 0 ? above_ - std::min<size_t>(above_, -rows) : above_ + rows; }

    void draw(FullScreen& screen) {
        const size_t room = std::max<size_t>(screen.size().rows, 3) - 2;
        above_ = std::min(above_, page_.rows.size() - std::min(room, page_.rows.size()));
        std::vector<std::string> lines = {page_.summary + "  (q ends)", coloured(page_.heading)};
        for (size_t i = above_; i < page_.rows.size() && i < above_ + room; ++i) {
            lines.push_back(coloured(page_.rows[i]));
        }
        screen.draw(lines);
    }

private:
    TopPage page_;
    size_t above_ = 0;
};

/// False: it is to end.
bool obey(const std::string& typed, Shown& shown) {
    for (const auto& [keys, rows] : {std::pair{"\x1b[A", -1}, std::pair{"\x1b[B", 1}, std::pair{"\x1b[5~", -10},
                                     std::pair{"\x1b[6~", 10}, std::pair{"k", -1}, std::pair{"j", 1}}) {
        if (typed == keys) {
            shown.move(rows);
        }
    }
    return typed.find_first_of("qQ") == std::string::npos;
}

/// False: it is to end.
bool wait_for_next(FullScreen& screen, Clock::time_point next, Shown& shown) {
    for (;;) {
        switch (screen.wait(next)) {
        case FullScreen::Event::time_is_up:
            if (Clock::now() >= next) {
                return true;
            }
            break;
        case FullScreen::Event::end:
            return false;
        case FullScreen::Event::key:
            if (!obey(screen.typed(), shown)) {
                return false;
            }
            [[fallthrough]];
        case FullScreen::Event::resized:
            shown.draw(screen);
        }
    }
}

int run_full_screen(const TopOptions& options) {
    Look look(options);
    TopPages pages;
    Shown shown;
    std::optional<FullScreen> screen(std::in_place);
    while (look.again()) {
        shown.show(pages.next(look.rings(), look.rates(), look.asked()));
        shown.draw(*screen);
        if (look.was_last() || !wait_for_next(*screen, look.next(), shown)) {
            return exit_done;
        }
    }
    screen.reset();
    return failed("top", look.error());
}

} // namespace

int run(const TopOptions& options) {
    return options.batch || options.json || !FullScreen::possible() ? run_batch(options) : run_full_screen(options);
}

} // namespace cuframes::tools
