// The functions of libuv that the addon uses, looked up in the running program (Node.js and Electron export them): there is nothing to link
// against, and other runtimes have none, or some that do nothing or end the process.
//
// Thread safety: immutable.
#pragma once

#include <napi.h>

#include <cstddef>

namespace sagedb {

// Starts with the field that libuv leaves to its users.
struct LoopHandle {
  void* data;
};

// As libuv 1.19 and later declare them (its ABI has not changed within version 1).
struct LoopFunctions {
  // uv_handle_type; their names were checked.
  static constexpr int kAsync = 1;
  static constexpr int kIdle = 6;

  std::size_t (*handle_size)(int) = nullptr;
  const char* (*handle_type_name)(int) = nullptr;
  int (*async_init)(uv_loop_s*, LoopHandle*, void (*)(LoopHandle*)) = nullptr;
  int (*async_send)(LoopHandle*) = nullptr;
  int (*idle_init)(uv_loop_s*, LoopHandle*) = nullptr;
  int (*idle_start)(LoopHandle*, void (*)(LoopHandle*)) = nullptr;
  int (*idle_stop)(LoopHandle*) = nullptr;
  void (*ref)(LoopHandle*) = nullptr;
  void (*unref)(LoopHandle*) = nullptr;
  void (*close)(LoopHandle*, void (*)(LoopHandle*)) = nullptr;

  // Null where the program has no such functions.
  static const LoopFunctions* of(Napi::Env env);
  // Zeroed memory for a handle; released with free(). Null when there is none.
  LoopHandle* allocate(int type) const noexcept;

 private:
  LoopFunctions() noexcept;
  bool complete_ = false;
};

}  // namespace sagedb
