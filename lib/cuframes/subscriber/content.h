// SPDX-License-Identifier: LGPL-2.1-or-later
/// What a subscriber reads, as its connector sees it: the connector finds a publisher and follows its generations, a content
/// takes what is in them.
#pragma once

#include "subscriber/generation.h"
#include "subscriber/link.h"

#include <cstdint>
#include <memory>

namespace cuframes::core {

/// What came of an attempt to take the next item.
struct Found {
    enum class What {
        item,    ///< Taken: keep() follows.
        nothing, ///< There is none that was not taken.
        end,     ///< The stream has ended before the next one.
        no_room, ///< There is one, and the caller has to give something back: see ReaderContent::no_room().
        waits,   ///< There is one, and what it takes to have it comes by itself, with a message or the link's `poke`.
        part_missing, ///< There is one, in memory that is not mapped here.
    };
    What what;
    uint64_t sequence = 0; ///< Of the item.
    uint64_t missed = 0;   ///< Numbers between the last item taken and this one.
};

/// How an item stands to those that were received before.
struct Arrival {
    uint64_t missed;    ///< As Found::missed, and what was missed between generations.
    bool discontinuity; ///< First of a publisher, or in strict mode after something missed.
};

/// Called by the thread that takes items.
class ReaderContent {
public:
    virtual ContentKind kind() const = 0;
    /// What an item is called.
    virtual const char* item() const = 0;

    /// Fills in what it asks for.
    virtual void ask([[maybe_unused]] Hello& hello) const {}
    /// A publisher has admitted us. False: its welcome is damaged.
    virtual bool welcome([[maybe_unused]] const Welcome& welcome) { return true; }
    /// That publisher is left: what is held of it may be used on.
    virtual void leave() {}
    /// A message that is not the connector's own. False: it is known and damaged.
    virtual bool hear([[maybe_unused]] const Datagram& datagram) { return true; }

    /// Descriptors that come with a generation.
    virtual size_t descriptors() const = 0;
    /// Whether there is one for all who are admitted, so that they are not attached without.
    virtual bool comes_with_generation() const { return false; }
    /// Takes up what a Generation message brought. Items are taken from it once adopt() was called.
    virtual Result<std::shared_ptr<AdoptedGeneration>> open(const std::shared_ptr<Link>& link,
                                                            const Datagram& datagram) = 0;
    virtual void adopt([[maybe_unused]] const std::shared_ptr<AdoptedGeneration>& generation) {}

    /// Takes the next item of the generation adopted last. An error is the caller's to hear.
    virtual Result<Found> take(AdoptedGeneration& generation) = 0;
    /// Keeps the item just taken for whoever asked for it.
    virtual void keep(const Arrival& arrival) = 0;

    /// After Found::no_room: what the caller is told.
    virtual Error no_room() const { return {CUFRAMES_ERROR_INVALID_STATE, "there is no room"}; }
    /// And whether `poke` is woken when there is some. False: there is some already.
    virtual bool tells_of_room() { return false; }

protected:
    ~ReaderContent() = default;
};

} // namespace cuframes::core
