// SPDX-License-Identifier: LGPL-2.1-or-later
/// All verbs of the command `cuframes`: the help, the completion and both programs go by this list.
#pragma once

#include "options/cat.h"
#include "options/clip.h"
#include "options/completion.h"
#include "options/doctor.h"
#include "options/export.h"
#include "options/hz.h"
#include "options/info.h"
#include "options/ls.h"
#include "options/play.h"
#include "options/publish.h"
#include "options/record.h"
#include "options/serve.h"
#include "options/snap.h"
#include "options/top.h"

#include <tuple>

namespace cuframes::tools {

/// Which program runs it.
enum class By {
    cuframes,       ///< It needs the core alone.
    cuframes_media, ///< It needs GStreamer.
};

template <class OptionsOfIt, By by_whom>
struct Verb {
    using Options = OptionsOfIt;
    static constexpr By by = by_whom;

    const char* name;
    const char* summary; ///< One line.
};

// In the order of the help.
inline constexpr std::tuple verbs{
    Verb<LsOptions, By::cuframes>{"ls", "list what is shared on this host, and by whom"},
    Verb<InfoOptions, By::cuframes>{"info", "tell all about one key: its picture, its memory, its readers"},
    Verb<TopOptions, By::cuframes>{"top", "show all rings and readers, again and again"},
    Verb<HzOptions, By::cuframes>{"hz", "measure how often, how evenly and how late frames come"},
    Verb<ExportOptions, By::cuframes>{"export", "serve metrics of all rings for Prometheus"},
    Verb<DoctorOptions, By::cuframes>{"doctor", "find out what is wrong here, or with a key, and what to do"},
    Verb<CompletionOptions, By::cuframes>{"completion", "print what a shell needs to complete command lines"},
    Verb<SnapOptions, By::cuframes_media>{"snap", "write the newest picture of a key to a file"},
    Verb<PlayOptions, By::cuframes_media>{"play", "show a key in a window, or make it heard"},
    Verb<RecordOptions, By::cuframes_media>{"record", "record a key to a file, from now on"},
    Verb<ClipOptions, By::cuframes_media>{"clip", "record what happened, from before now"},
    Verb<CatOptions, By::cuframes_media>{"cat", "write packets or frames to standard output, for other programs"},
    Verb<PublishOptions, By::cuframes_media>{"publish", "share a camera or a file, and look after it"},
    Verb<ServeOptions, By::cuframes_media>{"serve", "serve keys to RTSP clients"},
};

/// Calls `visit` with each.
template <class Visit>
void for_each_verb(Visit&& visit) {
    std::apply([&](const auto&... verb) { (visit(verb), ...); }, verbs);
}

} // namespace cuframes::tools
