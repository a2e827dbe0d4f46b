/* SPDX-License-Identifier: MIT */
/*
 * A folder for the files of a benchmark: made in TMPDIR, or /tmp; removed with all that is in it.
 */
#ifndef IMGZ_BENCH_SCRATCH_H
#define IMGZ_BENCH_SCRATCH_H

#include <string>

namespace bench
{

class Scratch
{
  public:
    Scratch();
    ~Scratch();
    Scratch(const Scratch &) = delete;
    Scratch &operator=(const Scratch &) = delete;

    /* A path in it; "" if the folder could not be made. */
    std::string path(const char *name) const;

  private:
    std::string folder;
};

/* The path of the disk that write_disk() makes, made once and kept until the program ends; "" if
 * that failed. */
const std::string &disk_path();

/* The whole file; empty if it cannot be read. */
std::string read_file(const std::string &path);

} // namespace bench

#endif /* IMGZ_BENCH_SCRATCH_H */
