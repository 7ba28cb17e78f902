// The ring of flow events, as raw structs; names are put to them by flow_names.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datapath/abi/event.h"

struct ring_buffer;

namespace fairlead::datapath {

class EventReader {
 public:
  // Descriptors of "events" and "events_lost", borrowed.
  static absl::StatusOr<std::unique_ptr<EventReader>> Open(int events_fd, int lost_fd);
  ~EventReader();

  // Readable when many events wait; a few wait until somebody reads (FL_EVENTS_WAKE).
  int fd() const;
  // At most `limit` events; the first comes with the number that was lost since the last reading.
  int Read(int limit, const std::function<void(const fl_event&, uint64_t lost_before)>& visit);

 private:
  EventReader(int lost_fd) : lost_fd_(lost_fd) {}
  static int OnEvent(void* self, void* data, size_t size);
  uint64_t CountLost() const;

  ring_buffer* ring_ = nullptr;
  int lost_fd_;
  uint64_t lost_ = 0;         // as last counted
  uint64_t lost_before_ = 0;  // not reported yet
  int left_ = 0;
  int count_ = 0;
  const std::function<void(const fl_event&, uint64_t)>* visit_ = nullptr;
};

// Sums a per-CPU array's entry of 8-byte words over all CPUs.
absl::Status SumPerCpu(int map_fd, uint32_t index, uint64_t* words, int word_count);

}  // namespace fairlead::datapath
