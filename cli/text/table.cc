#include "cli/text/table.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace fairlead::cli {
namespace {

constexpr char kGap[] = "  ";

std::string Pad(const std::string& painted, size_t width, size_t to, Align align) {
  const size_t blanks = to > width ? to - width : 0;
  const size_t left = align == Align::kRight ? blanks : align == Align::kCentre ? blanks / 2 : 0;
  return absl::StrCat(std::string(left, ' '), painted, std::string(blanks - left, ' '));
}

}  // namespace

std::string Table::Render(const Style& style) const {
  std::vector<size_t> widths(columns_.size());
  std::vector<std::vector<std::string>> titles;
  size_t title_lines = 1;
  for (size_t i = 0; i < columns_.size(); ++i) {
    titles.emplace_back(absl::StrSplit(columns_[i].title, '\n'));
    title_lines = std::max(title_lines, titles.back().size());
    for (const std::string& line : titles.back()) widths[i] = std::max(widths[i], DisplayWidth(line));
    for (const auto& row : rows_) {
      if (i < row.size()) widths[i] = std::max(widths[i], DisplayWidth(row[i].text));
    }
  }
  std::string text;
  const auto add_line = [&](const auto& cell_of) {
    std::string line;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const Cell cell = cell_of(i);
      absl::StrAppend(
          &line, i == 0 ? "" : kGap,
          Pad(style.Paint(cell.tone, cell.text), DisplayWidth(cell.text), widths[i], columns_[i].align));
    }
    absl::StrAppend(&text, absl::StripTrailingAsciiWhitespace(line), "\n");
  };
  for (size_t n = 0; n < title_lines; ++n) {
    add_line([&](size_t i) { return Cell(n < titles[i].size() ? titles[i][n] : "", Tone::kStrong); });
  }
  for (const auto& row : rows_) {
    add_line([&](size_t i) { return i < row.size() ? row[i] : Cell(""); });
  }
  return text;
}

}  // namespace fairlead::cli
