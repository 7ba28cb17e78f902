// Where objects come from: what is in force now, and what is refused. Lives on the loop's thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "controller/manifest/manifest.h"
#include "controller/model/live_cluster.h"

namespace fairlead::controller {

class ObjectSource {
 public:
  virtual ~ObjectSource() = default;

  // False: not everything that there is has been read yet, and `objects` says nothing.
  virtual bool synced() const = 0;
  virtual const Objects& objects() const = 0;
  // Which of them came, went or changed since this was called last.
  virtual TouchedObjects TakeTouched() { return std::nullopt; }
  virtual std::vector<Rejection> Rejections() const = 0;
  // Grows with what is taken in, over restarts too; a higher one is the newer state.
  virtual uint64_t watermark() const = 0;
  // True: `watermark` reflects everything that could be read when this was called. Takes in what it can, and
  // may tell of it.
  virtual bool Settled() = 0;
  // True: `objects` has what the source held of this kind at `resource_version`, or later; 0 stands for now.
  // May take in what it can, and tell of it.
  virtual bool HasReached(const std::string& kind, uint64_t resource_version) = 0;
  // The newest version of this kind that was taken in; 0: none.
  virtual uint64_t Reached(const std::string& kind) const = 0;
  // Somebody has seen `watermark`: reads all again, which by definition is the newest there is, and
  // goes at least as far.
  virtual void CatchUpWith(uint64_t watermark) = 0;

  // What cannot be watched at the moment, with the reason; what was read there stays in force.
  virtual std::vector<std::string> Lost() const = 0;
  // What it reads, for people: "12 files".
  virtual std::string Describe() const = 0;
};

}  // namespace fairlead::controller
