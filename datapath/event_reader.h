// The rings of flow events, as raw structs in the order of their time; names are put to them by flow_names.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datapath/abi/event.h"

struct ring_buffer;

namespace fairlead::datapath {

class EventReader {
 public:
  // Descriptors of "events", which has its rings, and "events_lost", borrowed.
  static absl::StatusOr<std::unique_ptr<EventReader>> Open(int events_fd, int lost_fd);
  ~EventReader();

  // Readable when many events wait; a few wait until somebody reads (FL_EVENTS_WAKE).
  int fd() const;
  // At most `limit` events, an equal share of each ring first; what is read at once is in the order of its
  // time. The first comes with the number that was lost since the last reading.
  int Read(int limit, const std::function<void(const fl_event&, uint64_t lost_before)>& visit);

 private:
  EventReader(int lost_fd) : lost_fd_(lost_fd) {}
  static int OnEvent(void* self, void* data, size_t size);
  void ReadRing(size_t ring, size_t most);
  uint64_t CountLost() const;

  ring_buffer* rings_ = nullptr;
  size_t ring_count_ = 0;
  int lost_fd_;
  uint64_t lost_ = 0;         // as last counted
  uint64_t lost_before_ = 0;  // not reported yet
  size_t most_ = 0;           // events_ is full then
  std::vector<fl_event> events_;
};

// Sums a per-CPU array's entry of 8-byte words over all CPUs.
absl::Status SumPerCpu(int map_fd, uint32_t index, uint64_t* words, int word_count);

}  // namespace fairlead::datapath
