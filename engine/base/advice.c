/* SPDX-License-Identifier: MIT */
#include "base/advice.h"

#include <errno.h>

#include "base/base.h"

struct advice {
    int code;
    const char *input;
    const char *output;
};

static const struct advice advices[] = {
    {-ENOENT, "check the name", "check that the directory exists"},
    {-ENOTDIR, "check the name", "check the name of the directory"},
    {-EISDIR, "name a file or a device", "name a file in it"},
    {-EACCES, "run as root or ask its owner", "run as root or choose another place"},
    {-EPERM, "run as root or ask its owner", "run as root or choose another place"},
    {-EROFS, "mount it writable", "choose another place"},
    {-EBUSY, "another program holds it", "it is mounted or held by another program; release it"},
    {-ENOSPC, "the target is full", "free some space or choose another place, then run again"},
    {-EDQUOT, "the quota is used up", "free some space or have the quota raised, then run again"},
    {-EFBIG, "the file is too large here",
     "the file system or 'ulimit -f' does not allow files of this size; choose another place"},
    {-EIO, "the medium or its connection is failing; check cables and 'dmesg', and try again",
     "the medium or its connection is failing; check cables and 'dmesg', and use another target"},
    {-EPIPE, "the writer has gone",
     "the program that reads this output has ended; check its errors"},
    {-ECONNRESET, "the connection was lost; run again", "the connection was lost; run again"},
    {-EPROTO, "the other side did not keep to the protocol; use the same imgz on both",
     "the other side did not keep to the protocol; use the same imgz on both"},
    {-ENXIO, "the device has no medium or is gone", "the device has no medium or is gone"},
    {-ENODEV, "the device is gone; reconnect it", "the device is gone; reconnect it"},
    {-ENOMEDIUM, "insert a medium", "insert a medium"},
    {-EBADF, "it is closed or not open for reading; redirect it",
     "it is closed or not open for writing; redirect it"},
    {-ENOMEM, "free some memory", "free some memory"},
    {-EINVAL, "this kind of access is not possible here",
     "this kind of access is not possible here"},
    {-ELOOP, "it is a symbolic link", "it is a symbolic link; name the file itself"},
    {-EMFILE, "raise 'ulimit -n'", "raise 'ulimit -n'"},
};

const char *imgz_advice_find(int code, enum imgz_advice_side side)
{
    for (size_t i = 0; i < IMGZ_COUNT_OF(advices); i++) {
        if (advices[i].code == code)
            return side == IMGZ_ADVICE_INPUT ? advices[i].input : advices[i].output;
    }
    return "see 'dmesg' for more";
}

enum imgz_reason imgz_advice_reason(int code, enum imgz_advice_side side)
{
    if (code == -ENOMEM)
        return IMGZ_REASON_MEMORY;
    return code == -EINVAL && side == IMGZ_ADVICE_INPUT ? IMGZ_REASON_DIRECT : IMGZ_REASON_NONE;
}
