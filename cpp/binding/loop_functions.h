// The functions of libuv that the addon uses, looked up in the running program (Node.js and Electron export them): there is nothing to link
// against, and other runtimes have none, or some that do nothing or end the process.
//
// Thread safety: immutable.
#pragma once

#include <napi.h>

#include <cstddef>
#include <memory>

namespace sagedb {

// Starts with the field that libuv leaves to its users.
struct UvHandle {
  void* data;
};

// As libuv 1.19 and later declare them (its ABI has not changed within version 1).
struct LoopFunctions {
  // uv_handle_type; their names were checked.
  static constexpr int kAsync = 1;
  static constexpr int kIdle = 6;

  std::size_t (*handle_size)(int) = nullptr;
  const char* (*handle_type_name)(int) = nullptr;
  int (*async_init)(uv_loop_s*, UvHandle*, void (*)(UvHandle*)) = nullptr;
  int (*async_send)(UvHandle*) = nullptr;
  int (*idle_init)(uv_loop_s*, UvHandle*) = nullptr;
  int (*idle_start)(UvHandle*, void (*)(UvHandle*)) = nullptr;
  int (*idle_stop)(UvHandle*) = nullptr;
  void (*ref)(UvHandle*) = nullptr;
  void (*unref)(UvHandle*) = nullptr;
  void (*close)(UvHandle*, void (*)(UvHandle*)) = nullptr;

  // Null where the program has no such functions.
  static const LoopFunctions* of(Napi::Env env);
  // Zeroed memory for a handle. Null when there is none.
  std::unique_ptr<UvHandle, void (*)(void*)> allocate(int type) const noexcept;

 private:
  LoopFunctions() noexcept;
  bool complete_ = false;
};

}  // namespace sagedb
