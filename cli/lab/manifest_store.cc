#include "cli/lab/manifest_store.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "cli/lab/files.h"

namespace fairlead::lab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool IsClusterScoped(const std::string& kind) {
  return kind == "node" || kind == "namespace" || kind == "clusternetworkpolicy" || kind == "fairleadconfig";
}

void Identify(Document& document) {
  try {
    const YAML::Node root = YAML::Load(document.text);
    if (!root.IsMap() || !root["kind"].IsScalar() || !root["metadata"].IsMap()) return;
    const YAML::Node name = root["metadata"]["name"];
    if (!name.IsDefined() || !name.IsScalar()) return;
    document.kind = absl::AsciiStrToLower(root["kind"].Scalar());
    document.name = name.Scalar();
    const YAML::Node space = root["metadata"]["namespace"];
    if (IsClusterScoped(document.kind)) return;
    document.namespace_name = space.IsDefined() && space.IsScalar() ? space.Scalar() : "default";
  } catch (const YAML::Exception&) {
    return;  // the controller says what is wrong with it
  }
}

bool IsBlank(const std::string& text) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const absl::string_view stripped = absl::StripAsciiWhitespace(line);
    if (!stripped.empty() && stripped[0] != '#') return false;
  }
  return true;
}

std::vector<Document> SplitJson(const std::string& text, const std::string& source) {
  const json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  std::vector<Document> documents;
  const auto kind = root.is_object() ? root.find("kind") : root.end();
  const bool is_list = root.is_object() && kind != root.end() && kind->is_string() &&
                       absl::EndsWith(kind->get<std::string>(), "List") && root.contains("items") &&
                       root["items"].is_array();
  if (!is_list) return {{.text = text, .is_json = true, .source = source}};
  for (const json& item : root["items"])
    documents.push_back({.text = item.dump(2), .is_json = true, .source = source});
  return documents;
}

std::vector<Document> SplitYaml(const std::string& text, const std::string& source) {
  std::vector<Document> documents;
  Document current{.source = source};
  const auto finish = [&](int next_line) {
    if (!IsBlank(current.text)) documents.push_back(current);
    current = {.source = source, .line = next_line};
  };
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (line == "---" || absl::StartsWith(line, "--- ") || absl::StartsWith(line, "---\t") ||
        line == "---\r") {
      finish(number + 1);
    } else {
      absl::StrAppend(&current.text, line, "\n");
    }
  }
  finish(0);
  return documents;
}

bool IsFileName(const std::string& text) {
  return !text.empty() && text.size() < 200 &&
         std::all_of(
             text.begin(), text.end(),
             [](char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '.'; });
}

// Without extension.
std::string StemOf(const Document& document) {
  std::string stem = absl::StrCat(document.kind, ".", document.namespace_name, ".", document.name);
  if (!document.kind.empty() && IsFileName(stem)) return stem;
  const size_t hash =
      std::hash<std::string>()(absl::StrCat(document.source, "\n", document.line, "\n", stem));
  return absl::StrCat("unnamed.", absl::Hex(hash, absl::kZeroPad16));
}

std::string FileNameOf(const Document& document) {
  return StemOf(document) + (document.is_json ? ".json" : ".yaml");
}

// The document on the lines that it has in its source.
std::string TextOnItsLines(const Document& document) {
  return document.is_json ? document.text
                          : std::string(static_cast<size_t>(document.line - 1), '\n') + document.text;
}

bool HasManifestExtension(const fs::path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml" || path.extension() == ".json";
}

absl::StatusOr<std::vector<fs::path>> FilesOf(const std::string& path, bool recursive) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return std::vector<fs::path>{path};
  std::vector<fs::path> files;
  const auto add = [&](const fs::directory_entry& entry) {
    if (entry.is_regular_file(error) && HasManifestExtension(entry.path())) files.push_back(entry.path());
  };
  if (recursive) {
    for (const auto& entry : fs::recursive_directory_iterator(path, error)) add(entry);
  } else {
    for (const auto& entry : fs::directory_iterator(path, error)) add(entry);
  }
  if (files.empty()) {
    return absl::NotFoundError(absl::StrCat("no *.yaml, *.yml or *.json in ", path,
                                            recursive ? "" : " (subfolders are read with --recursive)"));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::string Document::Describe() const {
  if (name.empty()) return absl::StrCat("document at ", source, ":", line);
  return absl::StrCat(kind, " ", namespace_name, namespace_name.empty() ? "" : "/", name);
}

std::vector<Document> SplitDocuments(const std::string& text, const std::string& source) {
  const absl::string_view stripped = absl::StripLeadingAsciiWhitespace(text);
  std::vector<Document> documents =
      !stripped.empty() && stripped[0] == '{' ? SplitJson(text, source) : SplitYaml(text, source);
  for (Document& document : documents) Identify(document);
  return documents;
}

absl::StatusOr<std::vector<Document>> ReadDocuments(const std::vector<std::string>& paths, bool recursive) {
  std::vector<Document> all;
  const auto add = [&](const std::string& text, const std::string& source) {
    std::vector<Document> documents = SplitDocuments(text, source);
    std::move(documents.begin(), documents.end(), std::back_inserter(all));
  };
  for (const std::string& path : paths) {
    if (path == "-") {
      add(std::string(std::istreambuf_iterator<char>(std::cin), {}), "stdin");
      continue;
    }
    ASSIGN_OR_RETURN(const std::vector<fs::path> files, FilesOf(path, recursive));
    for (const fs::path& file : files) {
      ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
      add(text, file);
    }
  }
  return all;
}

const char* ToString(Change change) {
  switch (change) {
    case Change::kCreated:
      return "created";
    case Change::kConfigured:
      return "configured";
    case Change::kUnchanged:
      return "unchanged";
    case Change::kDeleted:
      return "deleted";
    case Change::kNotFound:
      return "not found";
  }
  return "?";
}

absl::StatusOr<std::vector<Applied>> ManifestStore::Apply(const std::vector<Document>& documents) {
  std::map<std::string, std::string> sources = LoadSources();
  // Before the files, for whoever explains the controller's complaints about them.
  for (const Document& document : documents) sources[FileNameOf(document)] = document.source;
  RETURN_IF_ERROR(SaveSources(sources));
  std::vector<Applied> applied;
  std::vector<std::string> replaced;  // removed last: a controller notices a removal later than a change
  for (const Document& document : documents) {
    const std::string stem = StemOf(document);
    const std::string file = FileNameOf(document);
    const std::string other = stem + (document.is_json ? ".yaml" : ".json");
    const std::string path = absl::StrCat(paths_.manifests(), "/", file);
    const std::string other_path = absl::StrCat(paths_.manifests(), "/", other);
    const std::string text = TextOnItsLines(document);
    const auto before = ReadFile(path);
    const bool had_other = fs::exists(other_path);
    if (before.ok() && absl::StripAsciiWhitespace(*before) == absl::StripAsciiWhitespace(text)) {
      applied.push_back({document, Change::kUnchanged, file});
      continue;
    }
    RETURN_IF_ERROR(WriteFileAtomically(path, text, paths_.dir));
    if (had_other) replaced.push_back(other_path);
    applied.push_back({document, before.ok() || had_other ? Change::kConfigured : Change::kCreated, file});
  }
  for (const std::string& path : replaced) {
    std::error_code error;
    fs::remove(path, error);
    if (error) return ErrnoError(error.value(), absl::StrCat("delete ", path));
  }
  return applied;
}

absl::StatusOr<std::vector<Applied>> ManifestStore::Delete(const std::vector<Document>& documents) {
  std::vector<Applied> applied;
  for (const Document& document : documents) {
    bool removed = false;
    for (const char* extension : {".yaml", ".json"}) {
      std::error_code error;
      removed |= fs::remove(absl::StrCat(paths_.manifests(), "/", StemOf(document), extension), error);
      if (error) return ErrnoError(error.value(), absl::StrCat("delete ", document.Describe()));
    }
    applied.push_back({document, removed ? Change::kDeleted : Change::kNotFound, ""});
  }
  return applied;
}

std::string ManifestStore::FileOf(const std::string& where) {
  const size_t slash = where.rfind('/');
  const std::string base = slash == std::string::npos ? where : where.substr(slash + 1);
  return base.substr(0, base.find(':'));
}

std::string ManifestStore::SourceOf(const std::string& where) const {
  const std::map<std::string, std::string> sources = LoadSources();
  const auto found = sources.find(FileOf(where));
  if (found == sources.end()) return where;
  const size_t colon = where.find(':', where.rfind('/') + 1);
  return found->second + (colon == std::string::npos ? "" : where.substr(colon));
}

std::map<std::string, std::string> ManifestStore::LoadSources() const {
  const auto text = ReadFile(paths_.sources());
  if (!text.ok()) return {};
  const json value = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  std::map<std::string, std::string> sources;
  if (!value.is_object()) return sources;
  for (const auto& [file, source] : value.items()) {
    if (source.is_string()) sources[file] = source.get<std::string>();
  }
  return sources;
}

absl::Status ManifestStore::SaveSources(const std::map<std::string, std::string>& sources) const {
  return WriteFileAtomically(paths_.sources(),
                             json(sources).dump(1, ' ', false, json::error_handler_t::replace), paths_.dir);
}

}  // namespace fairlead::lab
