#include "bundle.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "failure.h"
#include "sha256.h"

namespace pocketmatte {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// The path of a file, refusing what leads out of the bundle.
std::string inside(const std::string& bundle, const std::string& relative) {
  const fs::path path(relative);
  bool leads_out = relative.empty() || path.is_absolute() || relative.find('\\') != std::string::npos;
  for (const fs::path& part : path) leads_out = leads_out || part == "..";
  std::error_code error;
  const fs::path root = fs::weakly_canonical(bundle, error);
  const fs::path real = fs::weakly_canonical(fs::path(bundle) / path, error);
  const fs::path apart = real.lexically_relative(root);
  if (leads_out || apart.empty() || *apart.begin() == "..")
    throw LoadFailed("the manifest names " + relative + ", which leads out of the bundle");
  return (fs::path(bundle) / path).string();
}

json manifest_of(const std::string& bundle) {
  const std::string path = bundle + "/manifest.json";
  std::ifstream file(path);
  if (!file) throw LoadFailed(path + " cannot be read; push the bundle again");
  try {
    json manifest = json::parse(file);
    if (manifest.at("schema_version") != 1)
      throw LoadFailed(path + " has schema_version " + manifest.at("schema_version").dump() +
                       "; this runner reads 1");
    return manifest;
  } catch (const json::exception& error) {
    throw LoadFailed(path + " is no manifest: " + error.what());
  }
}

void check(const std::string& path, const File& file) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) throw LoadFailed(file.path + " is missing; push the bundle again");
  if (size != file.size_bytes)
    throw LoadFailed(file.path + " has " + std::to_string(size) + " bytes, not " +
                     std::to_string(file.size_bytes) + "; push the bundle again");
  if (sha256_of_file(path) != file.sha256)
    throw LoadFailed(file.path + " is not the file of the manifest; push the bundle again");
}

}  // namespace

Found find_files(const std::string& bundle, const Wanted& wanted,
                 const std::vector<std::string>& programs) {
  const json manifest = manifest_of(bundle);
  Found found;
  try {
    for (const std::string& program : programs) {
      const json* match = nullptr;
      for (const json& each : manifest.at("artifacts"))
        if (each.at("network") == wanted.network && each.at("tier") == wanted.tier &&
            each.at("frame").at("orientation") == wanted.orientation &&
            each.at("recipe") == wanted.recipe && each.at("format") == wanted.format &&
            each.at("program") == program)
          match = &each;
      if (!match)
        throw WrongUse("the bundle has no " + wanted.format + " file of " + wanted.network + " " +
                       wanted.tier + " " + program + " in " + wanted.recipe + ", " + wanted.orientation);
      File file{match->at("path"), program, match->at("sha256"),
                match->at("inputs").at(0).at("dtype"), match->at("size_bytes")};
      check(inside(bundle, file.path), file);
      found.weights_digest = match->at("weights_digest");
      found.files.push_back(file);
    }
  } catch (const json::exception& error) {
    throw LoadFailed(bundle + "/manifest.json is no manifest: " + error.what());
  }
  return found;
}

}  // namespace pocketmatte
