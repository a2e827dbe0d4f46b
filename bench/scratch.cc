/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdlib.h>

#include "corpus.h"

namespace bench
{

Scratch::Scratch()
{
    std::error_code error;
    std::string pattern =
        (std::filesystem::temp_directory_path(error) / "imgz-bench.XXXXXX").string();

    if (!error && mkdtemp(pattern.data()) != nullptr)
        folder = pattern;
}

Scratch::~Scratch()
{
    std::error_code error;

    if (!folder.empty())
        std::filesystem::remove_all(folder, error);
}

std::string Scratch::path(const char *name) const
{
    return folder.empty() ? "" : folder + "/" + name;
}

const std::string &disk_path()
{
    static const Scratch scratch;
    static const std::string path =
        write_disk(scratch.path("disk").c_str()) ? scratch.path("disk") : "";

    return path;
}

std::string read_file(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);

    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

} // namespace bench
