// SPDX-License-Identifier: LGPL-2.1-or-later
#include "subscriber/packet_log/packet_subscriber.h"

namespace cuframes::core {

Result<std::unique_ptr<PacketSubscriber>> PacketSubscriber::create(ConnectorOptions options, const StartWish& wish) {
    std::unique_ptr<PacketSubscriber> subscriber(new PacketSubscriber(wish));
    auto connector = Connector::create(std::move(options), *subscriber);
    if (!connector) {
        return connector.error();
    }
    subscriber->connector_ = std::move(*connector);
    return subscriber;
}

Result<PacketCopy*> PacketSubscriber::next(int64_t timeout_ms) {
    if (auto got = connector_->next(timeout_ms); !got) {
        return got.error();
    }
    return taken_.release();
}

Result<cuframes_packet_window> PacketSubscriber::window() const {
    const auto* log = static_cast<const AttachedLog*>(connector_->generation());
    if (!log) {
        return Error{CUFRAMES_ERROR_INVALID_STATE,
                     text("this subscriber is not attached to a publisher of \"", connector_->options().key,
                          "\": connect, or wait for a packet, and ask then")};
    }
    return log->window();
}

Result<std::shared_ptr<AdoptedGeneration>> PacketSubscriber::open(const std::shared_ptr<Link>& link,
                                                                  const Datagram& datagram) {
    auto opened = AttachedLog::open(link, datagram, has_begun_ ? std::nullopt : std::optional(wish_));
    if (!opened) {
        return opened.error();
    }
    has_begun_ = true;
    return std::shared_ptr<AdoptedGeneration>(std::move(*opened));
}

Result<Found> PacketSubscriber::take(AdoptedGeneration& generation) {
    auto got = static_cast<AttachedLog&>(generation).take();
    if (!got) {
        return got.error();
    }
    if (auto* taken = std::get_if<AttachedLog::Taken>(&*got)) {
        taken_ = std::move(taken->packet);
        return Found{Found::What::item, taken_->view().sequence, taken->missed};
    }
    return Found{std::get<AttachedLog::Nothing>(*got) == AttachedLog::Nothing::end ? Found::What::end
                                                                                   : Found::What::nothing};
}

void PacketSubscriber::keep(const Arrival& arrival) {
    taken_->view().missed = arrival.missed;
    taken_->view().discontinuity = arrival.discontinuity || arrival.missed > 0;
}

} // namespace cuframes::core
