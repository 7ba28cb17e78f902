// Reading the fields of one object strictly, as the API server does: each error names the field's
// path and line and says what is allowed; keys that nobody asked for are refused with a hint.
//
//   Fields spec(value, "spec", &problems);
//   std::string node = spec.String("nodeName");
//   spec.KnownButUnused({"tolerations", "volumes"});
//   spec.Finish();  // names the keys that are left
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/yaml/value.h"

namespace fairlead::controller {

struct Problem {
  int line = 1;
  std::string field;    // "spec.ingress[2].ports[0].port"
  std::string message;  // what is wrong and what is allowed
};

// The problems of one object. Keeps the first few; there is no end to what a file can have wrong.
class Problems {
 public:
  void Add(int line, const std::string& field, const std::string& message);
  // No problem: the object is taken, but not everything that it asks for is done.
  void Remark(int line, const std::string& field, const std::string& message);
  bool empty() const { return list_.empty(); }
  const std::vector<Problem>& list() const { return list_; }
  const std::vector<Problem>& remarks() const { return remarks_; }

 private:
  std::vector<Problem> list_;
  std::vector<Problem> remarks_;
};

// A field that was found: its value and where it is.
struct At {
  const Value* value = nullptr;
  std::string path;
};

class Fields {
 public:
  // A `value` that is no map is a problem, and reads as a map without keys; null is such a map.
  Fields(const Value& value, std::string path, Problems* problems);
  Fields(const At& at, Problems* problems) : Fields(*at.value, at.path, problems) {}

  // All of these treat null as absent, as the API does, and report a wrong type as a problem.
  std::optional<At> Find(const std::string& key);
  // Absent: "".
  std::string String(const std::string& key);
  // Absent or empty: a problem.
  std::string RequiredString(const std::string& key);
  std::optional<bool> Bool(const std::string& key);
  // Outside of min..max: a problem, and nothing.
  std::optional<int64_t> Int(const std::string& key, int64_t min, int64_t max);
  // One of `allowed`; absent: `otherwise`.
  std::string OneOf(const std::string& key, std::initializer_list<const char*> allowed,
                    const std::string& otherwise);
  std::vector<At> List(const std::string& key);
  std::vector<std::string> Strings(const std::string& key);
  std::map<std::string, std::string> StringMap(const std::string& key);

  // Keys of the API that nothing here depends on.
  void KnownButUnused(std::initializer_list<const char*> keys);
  // A key of the API that something would depend on, if it were done here: `message` says what happens
  // instead. An empty list or string asks for nothing.
  void Unserved(const std::string& key, const std::string& message);
  void Finish();

  bool Has(const std::string& key) const;
  void Add(const std::string& key, const std::string& message);
  std::string PathOf(const std::string& key) const;
  Problems* problems() { return problems_; }

 private:
  const Value& value_;
  std::string path_;
  Problems* problems_;
  std::set<std::string> known_;
};

// Single values; nothing and a problem where the type is wrong.
std::optional<std::string> ReadString(const At& at, Problems* problems);
std::optional<int64_t> ReadInt(const At& at, int64_t min, int64_t max, Problems* problems);

// The word of `candidates` that `word` was probably meant to be, or "".
std::string NearestWord(const std::string& word, const std::set<std::string>& candidates);

}  // namespace fairlead::controller
