// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sink/publication.h"

namespace cuframes::gst {
namespace {

void release_slot(void* handle) { cuframes_slot_release(static_cast<cuframes_slot*>(handle)); }

std::shared_ptr<MemoryBook> make_book(const GenerationSpec& spec) {
    // A ring in GPU memory that is filled from host memory lends no slots upstream, and needs no context of GStreamer's.
    if (spec.cuda) {
        return make_cuda_memory_book(release_slot, spec.cuda, spec.layout.info, false);
    }
    return std::make_shared<HostMemoryBook>(release_slot, spec.layout.info.size, false);
}

bool fits(const Generation& generation, const GenerationSpec& wanted) {
    const GenerationSpec& spec = generation.spec;
    return spec.memory == wanted.memory && spec.cuda_device == wanted.cuda_device &&
           spec.cuda.context() == wanted.cuda.context() && spec.cuda.stream() == wanted.cuda.stream() &&
           gst_caps_is_equal(spec.caps, wanted.caps) && same_geometry(spec.layout.geometry, wanted.layout.geometry);
}

uint64_t epoch_of(cuframes_publisher* publisher) {
    cuframes_publisher_stats stats;
    CUFRAMES_INIT(stats);
    cuframes_publisher_get_stats(publisher, &stats);
    return stats.epoch;
}

} // namespace

Generation::Generation(const GenerationSpec& wanted) : spec(wanted), book(make_book(wanted)) {
    gst_caps_ref(spec.caps);
}

Generation::~Generation() {
    book->close();
    gst_caps_unref(spec.caps);
}

int Publication::open(const cuframes_publisher_options& options) {
    const std::unique_lock life(life_);
    const int result = cuframes_publisher_create(&options, &publisher_);
    const std::lock_guard lock(interruption_mutex_);
    interruptible_ = publisher_;
    // Pools of an earlier start may be at it still.
    interruptions_ = drainings_ > 0 ? draining : 0u;
    if (interruptible_ && interruptions_) {
        cuframes_publisher_set_interrupted(interruptible_, true);
    }
    return result;
}

void Publication::close() {
    interrupt(stopping, true); // so that nobody waits in there while we wait for them
    const std::unique_lock life(life_);
    retire(nullptr);
    {
        const std::lock_guard lock(interruption_mutex_);
        interruptible_ = nullptr;
    }
    cuframes_publisher_destroy(std::exchange(publisher_, nullptr));
    contexts_in_use_.clear();
}

void Publication::interrupt(Interruption why, bool on) {
    const std::lock_guard lock(interruption_mutex_);
    if (why == draining) {
        drainings_ += on ? 1u : -1u;
        on = drainings_ > 0;
    }
    interruptions_ = on ? interruptions_ | why : interruptions_ & ~static_cast<unsigned>(why);
    if (interruptible_) {
        cuframes_publisher_set_interrupted(interruptible_, interruptions_ != 0);
    }
}

unsigned Publication::interruptions() const {
    const std::lock_guard lock(interruption_mutex_);
    return interruptions_;
}

int Publication::with_publisher(const std::function<int(cuframes_publisher*)>& call) const {
    const std::shared_lock life(life_);
    return publisher_ ? call(publisher_) : CUFRAMES_ERROR_INVALID_STATE;
}

GenerationPtr Publication::newest() const {
    const std::lock_guard lock(newest_mutex_);
    return newest_;
}

guint Publication::num_subscribers() const {
    cuframes_publisher_stats stats;
    CUFRAMES_INIT(stats);
    with_publisher([&](cuframes_publisher* publisher) { return cuframes_publisher_get_stats(publisher, &stats); });
    return stats.subscribers;
}

guint64 Publication::epoch() const {
    guint64 epoch = 0;
    with_publisher([&](cuframes_publisher* publisher) {
        epoch = epoch_of(publisher);
        return CUFRAMES_OK;
    });
    return epoch;
}

void Publication::retire(GenerationPtr next) {
    // The old generation's idle memories go before its mapping may: encoders' registrations are cached on them.
    GenerationPtr old;
    {
        const std::lock_guard lock(newest_mutex_);
        old = std::exchange(newest_, std::move(next));
    }
    if (old) {
        old->book->close();
    }
}

int Publication::configure(const GenerationSpec& spec, GenerationPtr* generation) {
    const std::lock_guard one_at_a_time(configure_mutex_);
    if (GenerationPtr current = newest(); current && fits(*current, spec)) {
        *generation = std::move(current);
        return CUFRAMES_OK;
    }
    return with_publisher([&](cuframes_publisher* publisher) { return start_generation(publisher, spec, generation); });
}

int Publication::start_generation(cuframes_publisher* publisher, const GenerationSpec& spec,
                                  GenerationPtr* generation) {
    gchar* const caps = gst_caps_to_string(spec.caps);
    cuframes_ring_config config;
    CUFRAMES_INIT(config);
    config.memory = spec.memory;
    config.geometry = &spec.layout.geometry;
    config.caps = caps;
    config.cuda_device = cuframes_some(static_cast<guint64>(spec.cuda_device));
    config.cuda_context = spec.cuda.context_handle();
    config.producer_slots = spec.memory == CUFRAMES_MEMORY_HOST ? decoder_reference_slots : 0;
    auto next = std::make_shared<Generation>(spec);
    retire(nullptr);
    const int result = cuframes_publisher_configure(publisher, &config);
    g_free(caps);
    if (result != CUFRAMES_OK) {
        return result;
    }
    if (spec.cuda) {
        contexts_in_use_.push_back(spec.cuda);
    }
    next->epoch = epoch_of(publisher);
    *generation = next;
    retire(std::move(next));
    return CUFRAMES_OK;
}

int Publication::acquire(const Generation& generation, cuframes_acquire_flags flags, cuframes_slot** slot) {
    return with_publisher([&](cuframes_publisher* publisher) -> int {
        if (const GenerationPtr current = newest(); current.get() != &generation) {
            return CUFRAMES_ERROR_INVALID_STATE;
        }
        const int result = cuframes_publisher_acquire(publisher, flags, slot);
        if (result == CUFRAMES_OK && cuframes_slot_epoch(*slot) != generation.epoch) {
            cuframes_slot_release(std::exchange(*slot, nullptr));
            return CUFRAMES_ERROR_INVALID_STATE;
        }
        return result;
    });
}

int Publication::acquire_memory(const Generation& generation, cuframes_acquire_flags flags, GstMemory** memory) {
    cuframes_slot* slot = nullptr;
    const int result = acquire(generation, flags, &slot);
    if (result == CUFRAMES_OK) {
        *memory = generation.book->lend(cuframes_slot_index(slot), cuframes_slot_data(slot), slot);
    }
    return result;
}

GstFlowReturn after_interruption(GstBaseSink* sink, const Publication& publication) {
    if (publication.interruptions() & (Publication::flushing | Publication::stopping)) {
        return GST_FLOW_FLUSHING;
    }
    if (publication.interruptions() & Publication::unlocking) {
        return gst_base_sink_wait_preroll(sink);
    }
    return GST_FLOW_OK;
}

} // namespace cuframes::gst
