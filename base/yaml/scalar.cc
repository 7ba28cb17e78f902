#include "base/yaml/scalar.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace fairlead {
namespace {

template <size_t N>
bool IsOneOf(absl::string_view text, const std::array<absl::string_view, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool AllDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// Digits at the front of `text` are taken off; their count is returned.
size_t ConsumeDigits(absl::string_view* text) {
  size_t count = 0;
  while (count < text->size() && absl::ascii_isdigit((*text)[count])) ++count;
  text->remove_prefix(count);
  return count;
}

// [-+]? ( digits [. digits?] | . digits ) ( [eE] [-+]? digits )?
bool IsDecimal(absl::string_view text) {
  size_t digits = ConsumeDigits(&text);
  if (absl::ConsumePrefix(&text, ".")) digits += ConsumeDigits(&text);
  if (digits == 0) return false;
  if (absl::ConsumePrefix(&text, "e") || absl::ConsumePrefix(&text, "E")) {
    if (!absl::ConsumePrefix(&text, "-")) absl::ConsumePrefix(&text, "+");
    return AllDigits(text);
  }
  return text.empty();
}

bool IsNumber(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, "-")) absl::ConsumePrefix(&text, "+");
  if (absl::ConsumePrefix(&text, "0x") || absl::ConsumePrefix(&text, "0X")) {
    return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isxdigit);
  }
  if (absl::ConsumePrefix(&text, "0o") || absl::ConsumePrefix(&text, "0b")) return AllDigits(text);
  static constexpr std::array<absl::string_view, 6> kSpecial = {".inf", ".Inf", ".INF",
                                                                ".nan", ".NaN", ".NAN"};
  return IsDecimal(text) || IsOneOf(text, kSpecial);
}

}  // namespace

Value::Type TypeOfPlainScalar(absl::string_view text) {
  static constexpr std::array<absl::string_view, 5> kNulls = {"", "~", "null", "Null", "NULL"};
  static constexpr std::array<absl::string_view, 18> kBools = {
      "true", "True", "TRUE", "false", "False", "FALSE", "yes", "Yes", "YES",
      "no",   "No",   "NO",   "on",    "On",    "ON",    "off", "Off", "OFF"};
  if (IsOneOf(text, kNulls)) return Value::Type::kNull;
  if (IsOneOf(text, kBools)) return Value::Type::kBool;
  return IsNumber(text) ? Value::Type::kNumber : Value::Type::kString;
}

}  // namespace fairlead
