// Which version of which object is in force, given what the files say one after the other.
//
// - A file that cannot be read as a whole changes nothing.
// - A refused object keeps its last good version; an object vanishes when its file is readable and
//   does not mention it, or is gone.
// - Of an object that several files define, the one that came first stays; the others are refused.
// Values in, values out: no I/O.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "controller/manifest/manifest.h"

namespace fairlead::controller {

class Inventory {
 public:
  void SetFile(const std::string& file, Manifest manifest);
  void RemoveFile(const std::string& file);

  std::map<ObjectKey, Object> Objects() const;
  std::vector<Rejection> Rejections() const;
  std::map<std::string, int> Ignored() const;
  size_t file_count() const { return files_.size(); }

 private:
  struct File {
    std::map<ObjectKey, Object> objects;  // good now, or the last good version
    std::vector<Rejection> rejections;
    std::map<std::string, int> ignored;
  };
  // Files that define an object; the owner's version is in force.
  struct Claim {
    std::string owner;
    std::set<std::string> others;
  };

  void Replace(const std::string& file, std::map<ObjectKey, Object> objects);
  void AddClaim(const ObjectKey& key, const std::string& file);
  void DropClaim(const ObjectKey& key, const std::string& file);

  std::map<std::string, File> files_;
  std::map<ObjectKey, Claim> claims_;
};

}  // namespace fairlead::controller
