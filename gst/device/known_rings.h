// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cuframes/cuframes.h>
#include <gst/gst.h>

#include <map>
#include <set>
#include <string>

namespace cuframes::gst {

/// A list of all that is shared now, as floating references.
GList* devices_now();

/// The devices that a provider has told of. look() is called by one thread at a time.
class KnownRings {
public:
    explicit KnownRings(GstDeviceProvider* provider);
    KnownRings(const KnownRings&) = delete;
    KnownRings& operator=(const KnownRings&) = delete;
    ~KnownRings();

    /// Tells what came, changed and went since. True: a publisher has not said yet what it shares.
    bool look();
    /// Where what was found is, and where something may come.
    const std::set<std::string>& directories() const { return directories_; }

private:
    void take(const cuframes_ring_info& ring);
    void remove_all_but(const std::set<std::string>& keys);

    GstDeviceProvider* provider_;
    std::map<std::string, GstDevice*> devices_;
    std::set<std::string> directories_;
};

} // namespace cuframes::gst
