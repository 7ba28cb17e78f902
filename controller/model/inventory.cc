#include "controller/model/inventory.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace fairlead::controller {

void Inventory::SetFile(const std::string& file, Manifest manifest) {
  File& state = files_[file];
  const std::map<ObjectKey, Object>& before = state.objects;
  if (manifest.unreadable) {
    Rejection rejection = *manifest.unreadable;
    if (!before.empty()) {
      absl::StrAppend(&rejection.message, "; the last good version of its ", before.size(),
                      " objects stays in force");
    }
    state.rejections = {std::move(rejection)};
    return;
  }

  std::map<ObjectKey, Object> objects;
  std::vector<Rejection> rejections;
  bool all_named = true;
  for (ManifestEntry& entry : manifest.entries) {
    bool kept = false;
    if (!entry.key) {
      all_named = false;
    } else if (entry.object) {
      auto [at, added] = objects.emplace(*entry.key, *entry.object);
      if (!added) {
        rejections.push_back({entry.key->ToString(), entry.object->where,
                              absl::StrCat("is defined a second time; the first, at ",
                                           at->second.where.ToString(), ", stays")});
      }
    } else if (auto old = before.find(*entry.key); old != before.end()) {
      kept = objects.insert(*old).second;
    }
    for (Rejection& rejection : entry.rejections) {
      if (kept) absl::StrAppend(&rejection.message, "; the last good version stays in force");
      rejections.push_back(std::move(rejection));
    }
  }
  // A document that does not say what it is may be any of those that are missing now.
  if (!all_named) objects.insert(before.begin(), before.end());

  state.rejections = std::move(rejections);
  state.ignored = std::move(manifest.ignored);
  Replace(file, std::move(objects));
}

void Inventory::RemoveFile(const std::string& file) {
  if (files_.count(file) == 0) return;
  Replace(file, {});
  files_.erase(file);
}

void Inventory::Replace(const std::string& file, std::map<ObjectKey, Object> objects) {
  std::map<ObjectKey, Object> before = std::exchange(files_[file].objects, std::move(objects));
  const std::map<ObjectKey, Object>& now = files_[file].objects;
  for (const auto& [key, object] : before) {
    if (now.count(key) == 0) DropClaim(key, file);
  }
  for (const auto& [key, object] : now) {
    if (before.count(key) == 0) AddClaim(key, file);
  }
}

void Inventory::AddClaim(const ObjectKey& key, const std::string& file) {
  Claim& claim = claims_[key];
  if (claim.owner.empty()) {
    claim.owner = file;
  } else {
    claim.others.insert(file);
  }
}

void Inventory::DropClaim(const ObjectKey& key, const std::string& file) {
  Claim& claim = claims_[key];
  if (claim.owner != file) {
    claim.others.erase(file);
  } else if (claim.others.empty()) {
    claims_.erase(key);
  } else {
    claim.owner = *claim.others.begin();
    claim.others.erase(claim.others.begin());
  }
}

std::map<ObjectKey, Object> Inventory::Objects() const {
  std::map<ObjectKey, Object> objects;
  for (const auto& [key, claim] : claims_) objects.emplace(key, files_.at(claim.owner).objects.at(key));
  return objects;
}

std::vector<Rejection> Inventory::Rejections() const {
  std::vector<Rejection> all;
  for (const auto& [name, file] : files_)
    all.insert(all.end(), file.rejections.begin(), file.rejections.end());
  for (const auto& [key, claim] : claims_) {
    const Where& first = files_.at(claim.owner).objects.at(key).where;
    for (const std::string& other : claim.others) {
      all.push_back({key.ToString(), files_.at(other).objects.at(key).where,
                     absl::StrCat("is defined a second time; the first, at ", first.ToString(), ", stays")});
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::map<std::string, int> Inventory::Ignored() const {
  std::map<std::string, int> all;
  for (const auto& [name, file] : files_) {
    for (const auto& [kind, count] : file.ignored) all[kind] += count;
  }
  return all;
}

}  // namespace fairlead::controller
