"""A small device table to break, one rule at a time."""

GOOD = """
schema_version = 1

[source.page]
title = "A page"
url = "https://example.org/page"
read = true
used_for = "everything"

[core."Big"]
fp32_per_cycle = 16
instructions = "i8mm"
sources = ["page"]

[core."Little"]
fp32_per_cycle = 8
instructions = "fp16"
sources = ["page"]

[soc.one]
name = "Maker One"
vendor = "Maker"
year = 2020
reported = ["ONE100"]
cores = 6
clusters = [
    { count = 2, core = "Big", max_mhz = 2000 },
    { count = 4, core = "Little", max_mhz = 1000 },
]
gpu = "GPU"
npu = "none"
sources = ["page"]

[[device]]
name = "Phone A"
vendor = "Brand"
platform = "android"
manufacturer = "brand"
models = ["A-1", "A-2"]
devices = ["alpha"]
year = 2021
soc = "one"
ram_mib = [4096, 6144]
os_launch = "11"
os_last = "13"
media_performance_class = 31
sources = ["page"]

[[device]]
name = "Phone B"
vendor = "Brand"
platform = "android"
manufacturer = "brand"
models = ["B-1"]
year = 2022
soc = "one"
ram_mib = [8192]
os_launch = "12"
sources = ["page"]
"""
