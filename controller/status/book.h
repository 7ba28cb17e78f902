// Which status objects are to be written now: those that read otherwise at the API server, at a bounded rate.
// Pure; the time is an argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "controller/status/documents.h"

namespace fairlead::controller {

struct StatusWrite {
  std::string path;
  nlohmann::json body;  // null: the object is to go
};

class StatusBook {
 public:
  static constexpr size_t kMaxWrites = 100;                   // of one round; the others wait for the next
  static constexpr int64_t kGonePatienceNs = 30'000'000'000;  // before what nobody wants is deleted

  // What the API server holds now: all FairleadNodes and FairleadRealisations, as their lists have them.
  void Load(const std::vector<nlohmann::json>& objects);

  // `documents`: all that are to be there. `now_ns` never goes back; `wall_ns` is what conditions show.
  std::vector<StatusWrite> Round(const std::vector<StatusDocument>& documents, int64_t now_ns,
                                 int64_t wall_ns);
  // A write has failed: nothing is known of that object any more, and it is written again.
  void OnFailure(const std::string& path);

  size_t waiting() const { return waiting_; }  // writes that were due and did not fit

 private:
  struct Entry {
    nlohmann::json body;      // as written; null: not known
    std::string version;      // of the document; empty: not known
    int64_t differs_ns = 0;   // since when the document is another; 0: it is not
    int64_t unwanted_ns = 0;  // since when there is no document; 0: there is one
  };

  std::map<std::string, Entry> entries_;  // by path
  std::string last_;                      // the path that was written last: the others' turn comes first
  size_t waiting_ = 0;
};

}  // namespace fairlead::controller
