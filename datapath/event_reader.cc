#include "datapath/event_reader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "datapath/bpf_error.h"

namespace fairlead::datapath {

absl::StatusOr<std::unique_ptr<EventReader>> EventReader::Open(int events_fd, int lost_fd) {
  std::unique_ptr<EventReader> reader(new EventReader(lost_fd));
  reader->ring_ = ring_buffer__new(events_fd, OnEvent, reader.get(), nullptr);
  if (reader->ring_ == nullptr) return BpfError(errno, "open the ring of events");
  reader->lost_ = reader->CountLost();
  return reader;
}

EventReader::~EventReader() {
  ring_buffer__free(ring_);
}

int EventReader::fd() const {
  return ring_buffer__epoll_fd(ring_);
}

int EventReader::OnEvent(void* self, void* data, size_t size) {
  auto* reader = static_cast<EventReader*>(self);
  if (size >= sizeof(fl_event)) {
    fl_event event;
    memcpy(&event, data, sizeof(event));
    (*reader->visit_)(event, std::exchange(reader->lost_before_, 0));
    ++reader->count_;
  }
  // A negative answer ends the reading after this event.
  return --reader->left_ > 0 ? 0 : -EAGAIN;
}

int EventReader::Read(int limit, const std::function<void(const fl_event&, uint64_t)>& visit) {
  if (limit <= 0) return 0;
  left_ = limit;
  count_ = 0;
  visit_ = &visit;
  const uint64_t lost = CountLost();
  lost_before_ += lost - lost_;
  lost_ = lost;
  ring_buffer__consume(ring_);
  visit_ = nullptr;
  return count_;
}

uint64_t EventReader::CountLost() const {
  uint64_t lost = 0;
  return SumPerCpu(lost_fd_, 0, &lost, 1).ok() ? lost : lost_;
}

absl::Status SumPerCpu(int map_fd, uint32_t index, uint64_t* words, int word_count) {
  static const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return BpfError(-cpus, "count the CPUs");
  std::vector<uint64_t> values(static_cast<size_t>(cpus) * word_count);
  if (bpf_map_lookup_elem(map_fd, &index, values.data()) != 0) return BpfError(errno, "read a per-CPU map");
  for (int word = 0; word < word_count; ++word) {
    words[word] = 0;
    for (int cpu = 0; cpu < cpus; ++cpu) words[word] += values[cpu * word_count + word];
  }
  return absl::OkStatus();
}

}  // namespace fairlead::datapath
