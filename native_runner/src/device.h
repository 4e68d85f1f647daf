// What the operating system says of the machine, without any tool beside it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace pocketmatte {

// The result's `device` of a Linux host: what uname and /proc say.
nlohmann::json host_device();

// Most memory that this process has held; empty where the system does not say.
std::optional<std::int64_t> peak_bytes();

// Readings for the result's `thermal` and `battery`; null where the system shows nothing.
nlohmann::json thermal_reading(double seconds);
nlohmann::json battery_reading(double seconds);

// Now, as YYYY-MM-DDTHH:MM:SSZ.
std::string utc_now();

}  // namespace pocketmatte
