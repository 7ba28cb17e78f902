#include "base/yaml/value.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "base/yaml/scalar.h"

namespace fairlead {
namespace {

// Leaves yaml-cpp's parser; caught in ParseDocuments.
struct Refused : std::runtime_error {
  Refused(int line, const std::string& cause) : std::runtime_error(absl::StrCat(line, ": ", cause)) {}
};

int LineOf(const YAML::Mark& mark) {
  return std::max(mark.line, 0) + 1;
}

int CountValues(const Value& value) {
  int count = 1;
  for (const Value& item : value.items) count += CountValues(item);
  for (const Value::Field& field : value.fields) count += CountValues(field.value);
  return count;
}

int DepthOf(const Value& value) {
  int deepest = 0;
  for (const Value& item : value.items) deepest = std::max(deepest, DepthOf(item));
  for (const Value::Field& field : value.fields) deepest = std::max(deepest, DepthOf(field.value));
  return deepest + 1;
}

// Builds values from yaml-cpp's events, within the bounds.
class Builder : public YAML::EventHandler {
 public:
  std::vector<Value> TakeDocuments() { return std::move(documents_); }

  void OnDocumentStart(const YAML::Mark&) override {
    open_.clear();
    anchors_.clear();
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Value value;
    value.line = LineOf(mark);
    Close(std::move(value), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    Value value;
    value.line = LineOf(mark);
    value.text = text;
    // From escapes; programs that take a command's words stop at a NUL.
    if (text.find('\0') != std::string::npos || !IsUtf8(text)) {
      throw Refused(value.line, "an escape that makes a NUL or no character of Unicode");
    }
    if (tag == "?" || tag.empty()) {
      value.type = TypeOfPlainScalar(text);
    } else if (tag == "!" || tag == "tag:yaml.org,2002:str") {
      value.type = Value::Type::kString;
    } else {
      throw Refused(value.line, absl::StrCat("the tag ", tag, " is not understood; remove it"));
    }
    Close(std::move(value), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto known = anchors_.find(anchor);
    if (known == anchors_.end()) throw Refused(LineOf(mark), "an alias inside of what it names");
    if (static_cast<int>(open_.size()) + DepthOf(known->second) > kMaxDepth) TooDeep(LineOf(mark));
    Count(CountValues(known->second), LineOf(mark));
    Value value = known->second;
    value.line = LineOf(mark);
    Close(std::move(value), 0);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(Value::Type::kList, mark, anchor);
  }
  void OnSequenceEnd() override { CloseInnermost(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(Value::Type::kMap, mark, anchor);
  }
  void OnMapEnd() override { CloseInnermost(); }

 private:
  struct OpenValue {
    Value value;
    YAML::anchor_t anchor = 0;
    bool has_key = false;  // maps: the next value belongs to `key`
    std::string key;
    int key_line = 1;
    std::set<std::string> keys;  // all so far
    std::vector<Value> merges;   // what "<<" named
  };

  [[noreturn]] static void TooDeep(int line) {
    throw Refused(line, absl::StrCat("nested more than ", kMaxDepth, " levels deep"));
  }
  void Count(int more, int line) {
    count_ += more;
    if (count_ > kMaxValues) {
      throw Refused(line, absl::StrCat("more than ", kMaxValues, " values (aliases count); split the file"));
    }
  }

  void Open(Value::Type type, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (static_cast<int>(open_.size()) >= kMaxDepth) TooDeep(LineOf(mark));
    OpenValue opened;
    opened.value.type = type;
    opened.value.line = LineOf(mark);
    opened.anchor = anchor;
    open_.push_back(std::move(opened));
  }

  void CloseInnermost() {
    OpenValue closed = std::move(open_.back());
    open_.pop_back();
    for (const Value& source : closed.merges) Merge(closed, source);
    Close(std::move(closed.value), closed.anchor);
  }

  // `value` is complete: it goes into the innermost open list or map.
  void Close(Value value, YAML::anchor_t anchor) {
    Count(1, value.line);
    if (anchor != 0) {
      Count(CountValues(value), value.line);
      anchors_[anchor] = value;
    }
    if (open_.empty()) {
      if (value.type != Value::Type::kNull) documents_.push_back(std::move(value));
      return;
    }
    OpenValue& parent = open_.back();
    if (parent.value.type == Value::Type::kList) {
      parent.value.items.push_back(std::move(value));
    } else if (!parent.has_key) {
      TakeKey(parent, value);
    } else {
      parent.has_key = false;
      if (parent.key == "<<") {
        parent.merges.push_back(std::move(value));
      } else {
        parent.value.fields.push_back({parent.key, parent.key_line, std::move(value)});
      }
    }
  }

  static void TakeKey(OpenValue& map, const Value& key) {
    if (key.type == Value::Type::kList || key.type == Value::Type::kMap) {
      throw Refused(key.line, "a key that is a list or a map; keys are strings");
    }
    if (!map.keys.insert(key.text).second) {
      throw Refused(key.line, absl::StrCat("the key \"", key.text, "\" is there twice"));
    }
    map.has_key = true;
    map.key = key.text;
    map.key_line = key.line;
  }

  // YAML 1.1 merge key: what the map does not say itself comes from `source`.
  void Merge(OpenValue& map, const Value& source) {
    if (source.type == Value::Type::kList) {
      for (const Value& item : source.items) Merge(map, item);
      return;
    }
    if (source.type != Value::Type::kMap) throw Refused(source.line, "\"<<\" needs a map");
    for (const Value::Field& field : source.fields) {
      if (!map.keys.insert(field.key).second) continue;
      Count(CountValues(field.value), source.line);
      map.value.fields.push_back(field);
    }
  }

  std::vector<Value> documents_;
  std::vector<OpenValue> open_;
  std::map<YAML::anchor_t, Value> anchors_;
  int count_ = 0;
};

int LineAt(absl::string_view text, size_t position) {
  return 1 + static_cast<int>(std::count(text.begin(), text.begin() + position, '\n'));
}

// yaml-cpp takes some control characters for the end of the file, which would cut off objects.
absl::Status CheckCharacters(absl::string_view text) {
  auto bad = std::find_if(text.begin(), text.end(), [](char c) {
    return absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\n' && c != '\r' && c != '\t';
  });
  size_t end = std::min<size_t>(bad - text.begin(), ValidUtf8Prefix(text));
  if (end == text.size()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      LineAt(text, end), ": the byte 0x", absl::Hex(static_cast<uint8_t>(text[end]), absl::kZeroPad2),
      " is a control character or no UTF-8; manifests are text in UTF-8"));
}

}  // namespace

const Value* Value::Find(absl::string_view key) const {
  for (const Field& field : fields) {
    if (field.key == key) return &field.value;
  }
  return nullptr;
}

std::string Describe(const Value& value) {
  switch (value.type) {
    case Value::Type::kNull:
      return "nothing";
    case Value::Type::kBool:
      return absl::StrCat("the boolean ", value.text);
    case Value::Type::kNumber:
      return absl::StrCat("the number ", value.text);
    case Value::Type::kString:
      return absl::StrCat("the string \"", Shorten(value.text, 80), "\"");
    case Value::Type::kList:
      return "a list";
    case Value::Type::kMap:
      return "a map";
  }
  return "";
}

absl::StatusOr<std::vector<Value>> ParseDocuments(absl::string_view text) {
  if (text.size() > kMaxFileBytes) {
    return absl::InvalidArgumentError(absl::StrCat("1: the file has ", text.size(), " bytes, more than the ",
                                                   kMaxFileBytes, " that a file may have; split it"));
  }
  if (absl::Status status = CheckCharacters(text); !status.ok()) return status;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder;
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.TakeDocuments();
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(LineOf(error.mark), ": not valid YAML: ", error.msg));
  } catch (const Refused& refused) {
    return absl::InvalidArgumentError(refused.what());
  }
}

}  // namespace fairlead
