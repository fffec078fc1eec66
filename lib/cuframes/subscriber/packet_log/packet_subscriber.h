// SPDX-License-Identifier: LGPL-2.1-or-later
/// Reading packets: the packet log as a connector's content.
///
/// attach(), next() and window() run on one thread at a time; everything else is for any thread.
#pragma once

#include "subscriber/connector.h"
#include "subscriber/packet_log/attached_log.h"

#include <memory>

namespace cuframes::core {

class PacketSubscriber final : private ReaderContent {
public:
    static Result<std::unique_ptr<PacketSubscriber>> create(ConnectorOptions options, const StartWish& wish);
    ~PacketSubscriber() { connector_.reset(); }

    Result<PacketCopy*> next(int64_t timeout_ms);
    Result<cuframes_packet_window> window() const;
    Connector& connector() { return *connector_; }

private:
    explicit PacketSubscriber(const StartWish& wish) : wish_(wish) {}

    // ReaderContent.
    ContentKind kind() const override { return ContentKind::packets; }
    const char* item() const override { return "packet"; }
    size_t descriptors() const override { return AttachedLog::descriptors; }
    bool comes_with_generation() const override { return true; }
    Result<std::shared_ptr<AdoptedGeneration>> open(const std::shared_ptr<Link>& link,
                                                    const Datagram& datagram) override;
    Result<Found> take(AdoptedGeneration& generation) override;
    void keep(const Arrival& arrival) override;

    const StartWish wish_;
    bool has_begun_ = false;               ///< With the first publisher: what later ones have is what follows.
    std::unique_ptr<PacketCopy> taken_;    ///< Until next() returns it.
    std::unique_ptr<Connector> connector_; ///< The last, as it uses the others.
};

} // namespace cuframes::core
