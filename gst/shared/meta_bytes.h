// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <glib.h>

#include <cstring>
#include <string>

namespace cuframes::gst {

/// Writes little-endian numbers and texts behind each other.
class ByteWriter {
public:
    explicit ByteWriter(GByteArray* bytes) : bytes_(bytes) {}

    void u8(guint8 value) { g_byte_array_append(bytes_, &value, 1); }
    void u32(guint32 value) { append(GUINT32_TO_LE(value)); }
    void u64(guint64 value) { append(GUINT64_TO_LE(value)); }
    void i32(gint32 value) { u32(static_cast<guint32>(value)); }
    void i64(gint64 value) { u64(static_cast<guint64>(value)); }
    void f32(gfloat value) {
        guint32 bits;
        static_assert(sizeof bits == sizeof value);
        std::memcpy(&bits, &value, sizeof bits);
        u32(bits);
    }
    void blob(const void* data, guint32 size) {
        u32(size);
        g_byte_array_append(bytes_, static_cast<const guint8*>(data), size);
    }
    void text(const char* value) { blob(value ? value : "", value ? static_cast<guint32>(strlen(value)) : 0); }

    /// A number that is known only when what it counts is there: this leaves room for it, and set() fills that.
    guint reserve_u32() {
        u32(0);
        return bytes_->len;
    }
    void set(guint reserved, guint32 value) {
        const guint32 wire = GUINT32_TO_LE(value);
        std::memcpy(bytes_->data + reserved - sizeof wire, &wire, sizeof wire);
    }
    void set_to_length_since(guint reserved) { set(reserved, bytes_->len - reserved); }

private:
    template <class Number>
    void append(Number wire) {
        g_byte_array_append(bytes_, reinterpret_cast<const guint8*>(&wire), sizeof wire);
    }

    GByteArray* bytes_;
};

/// Reads what ByteWriter wrote, out of bytes that nobody vouches for. What lies behind their end reads as 0 and empty, and
/// ok() says so from then on.
class ByteReader {
public:
    ByteReader(const guint8* data, gsize size) : data_(data), left_(size) {}

    bool ok() const { return ok_; }
    gsize left() const { return left_; }
    const guint8* data() const { return data_; }

    guint8 u8() {
        const guint8* at = take(1);
        return at ? *at : guint8{0};
    }
    guint32 u32() { return GUINT32_FROM_LE(number<guint32>()); }
    guint64 u64() { return GUINT64_FROM_LE(number<guint64>()); }
    gint32 i32() { return static_cast<gint32>(u32()); }
    gint64 i64() { return static_cast<gint64>(u64()); }
    gfloat f32() {
        const guint32 bits = u32();
        gfloat value;
        std::memcpy(&value, &bits, sizeof value);
        return value;
    }
    /// Bytes that carry their length before them, as a reader of their own.
    ByteReader blob() {
        const guint32 size = u32();
        const guint8* at = take(size);
        return at ? ByteReader(at, size) : ByteReader(data_, 0);
    }
    std::string text() {
        const ByteReader bytes = blob();
        return {reinterpret_cast<const char*>(bytes.data()), bytes.left()};
    }
    /// How many things of at least `bytes_each` follow; more than there can be is a failure.
    guint32 count(gsize bytes_each) {
        const guint32 value = u32();
        ok_ = ok_ && value <= left_ / bytes_each;
        return ok_ ? value : 0;
    }

private:
    const guint8* take(gsize size) {
        if (!ok_ || size > left_) {
            ok_ = false;
            return nullptr;
        }
        const guint8* at = data_;
        data_ += size;
        left_ -= size;
        return at;
    }
    template <class Number>
    Number number() {
        Number value = 0;
        if (const guint8* at = take(sizeof value)) {
            std::memcpy(&value, at, sizeof value);
        }
        return value;
    }

    const guint8* data_;
    gsize left_;
    bool ok_ = true;
};

} // namespace cuframes::gst
