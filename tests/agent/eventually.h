// Waits for what a loop's thread will make true.
#pragma once

#include <chrono>
#include <thread>

#include "base/event_loop.h"

namespace fairlead::agent {

// Asks on the loop's thread until it holds; false after a long while.
template <typename Holds>
bool EventuallyOn(EventLoop& loop, Holds holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < deadline) {
    if (loop.Call<bool>(std::chrono::seconds(60), [&] { return holds(); }).value_or(false)) return true;
    std::this_thread::yield();
  }
  return false;
}

}  // namespace fairlead::agent
