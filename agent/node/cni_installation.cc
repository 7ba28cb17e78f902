#include "agent/node/cni_installation.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "agent/files.h"
#include "agent/node/conflist.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "spdlog/spdlog.h"

namespace fairlead::agent {
namespace {

constexpr char kProgram[] = "fairlead-cni";
constexpr size_t kMaxProgramBytes = 256 << 20;

// "" when there is none. Changes with whatever replaces or rewrites the file.
std::string FingerprintOf(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return "";
  return absl::StrCat(info.st_ino, " ", info.st_size, " ", info.st_mode, " ", info.st_mtim.tv_sec, ".",
                      info.st_mtim.tv_nsec);
}

absl::Status Remove(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return ErrnoError(errno, absl::StrCat("remove ", path));
}

}  // namespace

absl::StatusOr<CniInstallation> CniInstallation::Create(const CniOptions& options,
                                                        const std::string& run_dir) {
  ASSIGN_OR_RETURN(std::string conflist, MakeConflist(run_dir, options.chained_plugins));
  CniOptions complete = options;
  if (complete.binary.empty()) {
    std::error_code error;
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
    complete.binary = (self.parent_path() / kProgram).string();
  }
  if (!complete.bin_dir.empty() && ::access(complete.binary.c_str(), X_OK) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--cni-binary ", complete.binary, ": is no program; give the path of fairlead-cni"));
  }
  return CniInstallation(std::move(complete), std::move(conflist));
}

absl::Status CniInstallation::Install() {
  RETURN_IF_ERROR(InstallProgram());
  return InstallConflist();
}

absl::Status CniInstallation::InstallProgram() {
  if (options_.bin_dir.empty()) return absl::OkStatus();
  const std::string target = absl::StrCat(options_.bin_dir, "/", kProgram);
  const std::string fingerprint = FingerprintOf(target);
  if (!fingerprint.empty() && fingerprint == installed_) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string program, ReadFile(options_.binary, kMaxProgramBytes));
  const absl::StatusOr<std::string> present = ReadFile(target, kMaxProgramBytes);
  if (!present.ok() || *present != program || ::access(target.c_str(), X_OK) != 0) {
    RETURN_IF_ERROR(WrapError(ReplaceFile(target, program, Durability::kMedium, 0755),
                              "install the CNI plugin (--cni-bin-dir)"));
    spdlog::info("installed {}", target);
  }
  installed_ = FingerprintOf(target);
  return absl::OkStatus();
}

absl::Status CniInstallation::InstallConflist() const {
  if (options_.conf_dir.empty()) return absl::OkStatus();
  const std::string target = absl::StrCat(options_.conf_dir, "/", kConflistName);
  const absl::StatusOr<std::string> present = ReadFile(target);
  if (present.ok() && *present == conflist_) return absl::OkStatus();
  RETURN_IF_ERROR(WrapError(ReplaceFile(target, conflist_, Durability::kMedium, 0644),
                            "write the CNI configuration (--cni-conf-dir)"));
  spdlog::info("wrote {}", target);
  return absl::OkStatus();
}

std::vector<std::string> CniInstallation::Preferred() const {
  std::vector<std::string> preferred;
  if (options_.conf_dir.empty()) return preferred;
  std::error_code error;
  std::filesystem::directory_iterator entry(options_.conf_dir, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::filesystem::path& path = entry->path();
    if (!ComesBeforeOurs(path.filename())) continue;
    const absl::StatusOr<std::string> content = ReadFile(path);
    if (!content.ok() || !DelegatesToOthers(*content)) preferred.push_back(path);
  }
  std::sort(preferred.begin(), preferred.end());
  return preferred;
}

std::vector<std::string> InstalledFiles(const CniOptions& options) {
  std::vector<std::string> files;
  if (!options.conf_dir.empty()) files.push_back(absl::StrCat(options.conf_dir, "/", kConflistName));
  if (!options.bin_dir.empty()) files.push_back(absl::StrCat(options.bin_dir, "/", kProgram));
  std::erase_if(files, [](const std::string& file) { return ::access(file.c_str(), F_OK) != 0; });
  return files;
}

absl::Status RemoveConflist(const CniOptions& options) {
  if (options.conf_dir.empty()) return absl::OkStatus();
  return Remove(absl::StrCat(options.conf_dir, "/", kConflistName));
}

absl::Status RemoveProgram(const CniOptions& options) {
  return options.bin_dir.empty() ? absl::OkStatus() : Remove(absl::StrCat(options.bin_dir, "/", kProgram));
}

}  // namespace fairlead::agent
