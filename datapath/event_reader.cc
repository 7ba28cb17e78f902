#include "datapath/event_reader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "datapath/bpf_error.h"
#include "datapath/event_rings.h"

namespace fairlead::datapath {

absl::StatusOr<std::unique_ptr<EventReader>> EventReader::Open(int events_fd, int lost_fd) {
  ASSIGN_OR_RETURN(const std::vector<UniqueFd> rings, OpenEventRings(events_fd));
  std::unique_ptr<EventReader> reader(new EventReader(lost_fd));
  for (const UniqueFd& ring : rings) {
    if (reader->rings_ == nullptr) {
      reader->rings_ = ring_buffer__new(ring.get(), OnEvent, reader.get(), nullptr);
      if (reader->rings_ == nullptr) return BpfError(errno, "read the rings of events");
    } else if (const int error = ring_buffer__add(reader->rings_, ring.get(), OnEvent, reader.get())) {
      return BpfError(-error, "read the rings of events");
    }
  }
  reader->ring_count_ = rings.size();
  reader->lost_ = reader->CountLost();
  return reader;
}

EventReader::~EventReader() {
  ring_buffer__free(rings_);
}

int EventReader::fd() const {
  return ring_buffer__epoll_fd(rings_);
}

int EventReader::OnEvent(void* self, void* data, size_t size) {
  auto* reader = static_cast<EventReader*>(self);
  if (size >= sizeof(fl_event)) memcpy(&reader->events_.emplace_back(), data, sizeof(fl_event));
  // A negative answer ends the reading after this event.
  return reader->events_.size() < reader->most_ ? 0 : -EAGAIN;
}

void EventReader::ReadRing(size_t ring, size_t most) {
  if (events_.size() >= most) return;
  most_ = most;
  ring__consume(ring_buffer__ring(rings_, ring));
}

int EventReader::Read(int limit, const std::function<void(const fl_event&, uint64_t)>& visit) {
  if (limit <= 0) return 0;
  const uint64_t lost = CountLost();
  lost_before_ += lost - lost_;
  lost_ = lost;
  events_.clear();
  const auto most = static_cast<size_t>(limit);
  const size_t share = std::max<size_t>(most / ring_count_, 1);
  for (size_t ring = 0; ring < ring_count_; ++ring) {
    ReadRing(ring, std::min(most, events_.size() + share));
  }
  for (size_t ring = 0; ring < ring_count_; ++ring) ReadRing(ring, most);
  std::stable_sort(events_.begin(), events_.end(),
                   [](const fl_event& a, const fl_event& b) { return a.time_ns < b.time_ns; });
  for (const fl_event& event : events_) visit(event, std::exchange(lost_before_, 0));
  return static_cast<int>(events_.size());
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
