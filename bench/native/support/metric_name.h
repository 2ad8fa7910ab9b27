#pragma once

#include <stdexcept>
#include <string>

#include "base/types.h"

namespace sagedb::bench {

inline Metric metric_from_name(const std::string& name) {
  if (name == "l2") return Metric::l2;
  if (name == "ip") return Metric::ip;
  if (name == "cosine") return Metric::cosine;
  throw std::runtime_error("expected metric l2, ip or cosine, got " + name);
}

}  // namespace sagedb::bench
