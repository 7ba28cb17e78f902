// Columns for people.
//
//   Table table({"POD", {"CONNECTIONS", Align::kRight}});
//   table.AddRow({"shop/cart-0", {"12", Tone::kStrong}});
//   std::cout << table.Render(style);
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "cli/text/style.h"

namespace fairlead::cli {

enum class Align { kLeft, kRight, kCentre };

struct Column {
  Column(const char* title) : title(title) {}             // NOLINT(google-explicit-constructor)
  Column(std::string title) : title(std::move(title)) {}  // NOLINT(google-explicit-constructor)
  Column(std::string title, Align align) : title(std::move(title)), align(align) {}
  std::string title;
  Align align = Align::kLeft;
};

struct Cell {
  Cell(const char* text) : text(text) {}             // NOLINT(google-explicit-constructor)
  Cell(std::string text) : text(std::move(text)) {}  // NOLINT(google-explicit-constructor)
  Cell(std::string text, Tone tone) : text(std::move(text)), tone(tone) {}
  std::string text;
  Tone tone = Tone::kPlain;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Fewer cells than columns: the rest is empty.
  void AddRow(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  // A title with a newline takes two lines. No blanks at the ends of lines.
  std::string Render(const Style& style) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace fairlead::cli
