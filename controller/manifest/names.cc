#include "controller/manifest/names.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/utf8.h"

namespace fairlead::controller {
namespace {

bool IsLowerAlnum(char c) {
  return absl::ascii_islower(c) || absl::ascii_isdigit(c);
}

bool IsDnsLabel(absl::string_view text) {
  return !text.empty() && text.size() <= 63 && IsLowerAlnum(text.front()) && IsLowerAlnum(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsLowerAlnum(c) || c == '-'; });
}

bool IsDnsSubdomain(absl::string_view text) {
  if (text.size() > 253) return false;
  const std::vector<absl::string_view> labels = absl::StrSplit(text, '.');
  return std::all_of(labels.begin(), labels.end(), [](absl::string_view label) {
    return !label.empty() && IsLowerAlnum(label.front()) && IsLowerAlnum(label.back()) &&
           std::all_of(label.begin(), label.end(), [](char c) { return IsLowerAlnum(c) || c == '-'; });
  });
}

// A letter or digit at both ends; also '-', '_' and '.' between; up to 63.
bool IsLabelWord(absl::string_view text) {
  return !text.empty() && text.size() <= 63 && absl::ascii_isalnum(text.front()) &&
         absl::ascii_isalnum(text.back()) && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
         });
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("is \"", Shorten(text, 80), "\"; ");
}

}  // namespace

std::string CheckDnsLabel(absl::string_view text) {
  if (IsDnsLabel(text)) return "";
  return Quoted(text) + "allowed: up to 63 small letters, digits and '-', a letter or digit at both ends";
}

std::string CheckDns1035Label(absl::string_view text) {
  if (IsDnsLabel(text) && absl::ascii_islower(text.front())) return "";
  return Quoted(text) +
         "allowed: up to 63 small letters, digits and '-', a letter first, a letter or digit last";
}

std::string CheckDnsSubdomain(absl::string_view text) {
  if (IsDnsSubdomain(text)) return "";
  return Quoted(text) +
         "allowed: up to 253 small letters, digits, '-' and '.', a letter or digit at both ends of each part";
}

std::string CheckQualifiedName(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  bool good = parts.size() == 1 ? IsLabelWord(parts[0])
                                : parts.size() == 2 && IsDnsSubdomain(parts[0]) && IsLabelWord(parts[1]);
  if (good) return "";
  return Quoted(text) + "allowed: [DNS prefix/]name, the name up to 63 letters, digits, '-', '_' and '.'";
}

std::string CheckLabelValue(absl::string_view text) {
  if (text.empty() || IsLabelWord(text)) return "";
  return Quoted(text) +
         "allowed: empty, or up to 63 letters, digits, '-', '_' and '.', a letter or digit at both ends";
}

std::string CheckPortName(absl::string_view text) {
  bool good = !text.empty() && text.size() <= 15 && IsLowerAlnum(text.front()) && IsLowerAlnum(text.back()) &&
              std::any_of(text.begin(), text.end(), absl::ascii_islower) &&
              std::all_of(text.begin(), text.end(), [](char c) { return IsLowerAlnum(c) || c == '-'; }) &&
              !absl::StrContains(text, "--");
  if (good) return "";
  return Quoted(text) + "allowed: up to 15 small letters, digits and single '-', at least one letter";
}

}  // namespace fairlead::controller
