// SPDX-License-Identifier: MIT
//
// The same as outsider.c in short, from C++: the header compiles as C++, the names link, and a
// callback that is a lambda can stop a job.
//
//   outsider DISK
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <imgz/imgz.h>

namespace
{

struct image_closer {
    void operator()(imgz_image *image) const
    {
        imgz_image_close(image);
    }
};

void check(bool holds, const std::string &what, const imgz_error &error)
{
    if (holds)
        return;
    std::fprintf(stderr, "outsider.cc: %s: %s\n", what.c_str(), error.text);
    std::exit(1);
}

imgz_options default_options()
{
    imgz_options options;

    imgz_options_init(&options, sizeof(options));
    options.thread_count = 2;
    return options;
}

std::string open_root_hash(const char *path, imgz_error &error)
{
    imgz_image *opened = nullptr;
    imgz_image_info info{};

    check(imgz_image_open(path, &opened, &error) == 0, "open", error);
    const std::unique_ptr<imgz_image, image_closer> image(opened);
    info.struct_bytes = sizeof(info);
    check(imgz_image_get_info(image.get(), &info) == 0, "info", error);
    return info.root_hash;
}

void stop_at_once(imgz_error &error)
{
    imgz_options options = default_options();
    unsigned calls = 0;
    // A pipe that says nothing, so that only the stop can end the job.
    const int pipe_fd = mkfifo("silent", 0600) == 0 ? open("silent", O_RDWR) : -1;

    check(pipe_fd >= 0, "a pipe", error);
    options.progress_interval_ms = 1;
    options.progress_context = &calls;
    options.progress = [](const imgz_progress *, void *context) {
        ++*static_cast<unsigned *>(context);
        return 1;
    };
    check(imgz_capture("silent", "cancelled", &options, nullptr, &error) == -ECANCELED, "cancel",
          error);
    check(calls > 0 && access("cancelled", F_OK) != 0, "nothing is left of it", error);
    close(pipe_fd);
}

} // namespace

int main(int argc, char **argv)
{
    imgz_error error{};
    imgz_report captured{}, hashed{};
    error.struct_bytes = sizeof(error);
    captured.struct_bytes = hashed.struct_bytes = sizeof(captured);
    const imgz_options options = default_options();
    const std::vector<std::string> arguments(argv, argv + argc);

    check(arguments.size() == 2, "one argument", error);
    const char *disk = arguments[1].c_str();
    check(imgz_capture(disk, "image.gz", &options, &captured, &error) == 0, "capture", error);
    check(imgz_restore("image.gz", "restored", &options, nullptr, &error) == 0, "restore", error);
    check(imgz_verify("image.gz", "restored", &options, nullptr, &error) == 0, "verify", error);
    check(imgz_hash("restored", &options, &hashed, &error) == 0, "hash", error);
    check(std::string(captured.root_hash) == hashed.root_hash, "one root hash", error);
    check(open_root_hash("image.gz", error) == hashed.root_hash, "the image's root hash", error);
    stop_at_once(error);
    check(imgz_verify("no-such-image", nullptr, nullptr, nullptr, &error) == -ENOENT, "missing",
          error);
    std::printf("%s %s\n", imgz_version(), hashed.root_hash);
    return 0;
}
