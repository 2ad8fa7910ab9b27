// Where small answers to searches are handed over: one buffer per environment instead of a new one per answer. Making an ArrayBuffer, views of it
// and their garbage took a tenth of a synchronous search on the SIFT set.
//
// Layout: version (f64), ids (f64 × kHits), scores (f32 × kHits), counts (u32 × kQueries).
// Thread safety: JavaScript thread of the environment. Whoever is given an answer reads it before anything else runs there.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstring>
#include <vector>

namespace sagedb {

class AnswerBuffer {
 public:
  static constexpr std::size_t kHits = 4096, kQueries = 256;

  Napi::Value to_js(Napi::Env env) {
    if (data_ == nullptr) {
      Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, sizeof(double) + kHits * 12 + kQueries * 4);
      kept_ = Napi::Persistent(buffer.As<Napi::Object>());
      data_ = static_cast<std::byte*>(buffer.Data());
    }
    return kept_.Value();
  }

  // False where it does not fit, or nobody has asked for the buffer yet.
  bool write(const std::vector<double>& ids, const std::vector<float>& scores, const std::vector<std::uint32_t>& counts,
             std::uint64_t version) noexcept {
    if (data_ == nullptr || scores.size() > kHits || counts.size() > kQueries) return false;
    const auto head = static_cast<double>(version);
    std::memcpy(data_, &head, sizeof head);
    std::byte* const first = data_ + sizeof head;
    if (!scores.empty()) {
      std::memcpy(first, ids.data(), ids.size() * sizeof(double));
      std::memcpy(first + kHits * sizeof(double), scores.data(), scores.size() * sizeof(float));
    }
    if (!counts.empty()) std::memcpy(first + kHits * 12, counts.data(), counts.size() * sizeof(std::uint32_t));
    return true;
  }

 private:
  Napi::ObjectReference kept_;
  std::byte* data_ = nullptr;
};

}  // namespace sagedb
