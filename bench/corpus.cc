/* SPDX-License-Identifier: MIT */
#include "corpus.h"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <unistd.h>

#include "bench.h"

namespace bench
{
namespace
{

namespace fs = std::filesystem;

/* ---- Generated data ----------------------------------------------------------------------- */

/* xorshift64*. */
class Random
{
  public:
    explicit Random(uint64_t seed) : state(seed * 2 + 1)
    {
    }
    uint64_t next()
    {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return state * 0x2545f4914f6cdd1du;
    }
    /* From 0 up to, but not including, 'limit'. */
    size_t below(size_t limit)
    {
        return static_cast<size_t>((next() >> 32) * limit >> 32);
    }

  private:
    uint64_t state;
};

void fill_random(Chunk &chunk, Random &random)
{
    for (size_t i = 0; i < chunk.size(); i += sizeof(uint64_t)) {
        const uint64_t word = random.next();

        memcpy(chunk.data() + i, &word, std::min(sizeof(word), chunk.size() - i));
    }
}

/* Appends pieces that 'piece' gives until the chunk is full. */
template <typename Piece> void fill_pieces(Chunk &chunk, Piece piece)
{
    for (size_t used = 0; used < chunk.size();) {
        const std::string text = piece();
        const size_t bytes = std::min(text.size(), chunk.size() - used);

        memcpy(chunk.data() + used, text.data(), bytes);
        used += bytes;
    }
}

/* 'count' words of syllables. */
std::vector<std::string> make_words(size_t count)
{
    static const char *const starts[] = {"b", "st", "d", "f", "gr", "l", "m", "n", "p", "r", "t"};
    static const char *const ends[] = {"a", "e", "i", "o", "u", "an", "er", "ing", "ol", "is"};
    std::vector<std::string> words;
    Random random(7);

    for (size_t i = 0; i < count; i++) {
        std::string word;

        for (size_t left = 1 + random.below(3); left > 0; left--) {
            word += starts[random.below(std::size(starts))];
            word += ends[random.below(std::size(ends))];
        }
        words.push_back(word);
    }
    return words;
}

/* A word by its rank: the n-th is about 1/n as frequent as the first (Zipf). */
const std::string &pick_word(const std::vector<std::string> &words, Random &random)
{
    const double part = static_cast<double>(random.next() >> 11) / 9007199254740992.0;
    const double rank = pow(static_cast<double>(words.size()), part);

    return words[static_cast<size_t>(rank) - 1];
}

void fill_text(Chunk &chunk, Random &random)
{
    static const std::vector<std::string> words = make_words(8192);

    fill_pieces(chunk, [&] {
        static const char *const stops[] = {", ", ". ", ".\n\n", "\n", "; "};
        const std::string &word = pick_word(words, random);

        return word + (random.below(7) == 0 ? stops[random.below(std::size(stops))] : " ");
    });
}

void fill_code(Chunk &chunk, Random &random)
{
    static const std::vector<std::string> words = make_words(1024);

    fill_pieces(chunk, [&] {
        static const char *const forms[] = {
            "if (%->% > %)\n", "%.% = %(%, %);\n",  "return %;\n", "for (% : %) {\n", "}\n",
            "#include <%>\n",  "struct % *% = %;\n"};
        std::string line(4 * random.below(4), ' ');

        for (const char *at = forms[random.below(std::size(forms))]; *at != '\0'; at++)
            line += *at == '%' ? pick_word(words, random) : std::string(1, *at);
        return line;
    });
}

void fill_records(Chunk &chunk, Random &random)
{
    for (size_t i = 0; i + 16 <= chunk.size(); i += 16) {
        const uint64_t words[2] = {i / 16 | random.below(10) << 32, random.next() & 0xffff};

        memcpy(chunk.data() + i, words, sizeof(words));
    }
}

void fill_bitmap(Chunk &chunk, Random &random)
{
    const double phase = static_cast<double>(random.below(1000));

    for (size_t i = 0; i < chunk.size(); i++) {
        const double x = static_cast<double>(i / 3 % 1024);
        const double y = static_cast<double>(i / 3 / 1024);
        const double wave = sin((x + phase) / 90) + cos((y + 20 * static_cast<double>(i % 3)) / 70);

        chunk[i] =
            static_cast<unsigned char>(128 + 55 * wave + static_cast<double>(random.below(4)));
    }
}

void fill_periodic(Chunk &chunk, Random &random)
{
    const size_t period_bytes = 20011;

    fill_random(chunk, random);
    for (size_t i = period_bytes; i < chunk.size(); i++)
        chunk[i] = chunk[i - period_bytes];
}

void fill_media(Chunk &chunk, Random &random)
{
    fill_random(chunk, random);
    for (size_t at = 100000 + random.below(200000); at < chunk.size();
         at += 100000 + random.below(200000)) {
        const size_t gap_bytes = std::min(size_t(32768) + random.below(65536), chunk.size() - at);

        memset(chunk.data() + at, 0, gap_bytes);
        at += gap_bytes;
    }
}

/* ---- Files of this machine ---------------------------------------------------------------- */

std::vector<fs::path> find_programs()
{
    std::vector<fs::path> paths;
    std::error_code error;

    for (const char *folder : {"/usr/bin", "/usr/lib"}) {
        for (auto at = fs::recursive_directory_iterator(
                 folder, fs::directory_options::skip_permission_denied, error);
             at != fs::recursive_directory_iterator(); at.increment(error)) {
            if (at->is_regular_file(error) && !at->is_symlink(error))
                paths.push_back(at->path());
        }
    }
    /* A fixed order, then a fixed shuffle: neighbours in the tree are alike. */
    std::sort(paths.begin(), paths.end());
    Random random(1);
    for (size_t i = paths.size(); i > 1; i--)
        std::swap(paths[i - 1], paths[random.below(i)]);
    return paths;
}

/* Appends at most 'limit_bytes' of the file at 'path'. */
void append_file(std::string &data, const fs::path &path, size_t limit_bytes)
{
    const size_t used = data.size();
    std::ifstream file(path, std::ios::binary);

    data.resize(used + limit_bytes);
    file.read(&data[used], static_cast<std::streamsize>(limit_bytes));
    data.resize(used + static_cast<size_t>(std::max<std::streamsize>(file.gcount(), 0)));
}

std::string read_files(size_t want_bytes)
{
    const char *named = getenv("IMGZ_BENCH_FILE");
    std::string data;

    if (named != nullptr) {
        append_file(data, named, want_bytes);
    } else {
        for (const fs::path &path : find_programs()) {
            if (data.size() >= want_bytes)
                break;
            append_file(data, path, std::min(chunk_bytes, want_bytes - data.size()));
        }
    }
    return data;
}

/* Whole chunks of what was read; if that is too little, text. */
void fill_files(std::vector<Chunk> &chunks)
{
    const std::string data = read_files(chunks.size() * chunk_bytes);
    Random random(2);

    for (size_t i = 0; i < chunks.size(); i++) {
        if ((i + 1) * chunk_bytes <= data.size())
            memcpy(chunks[i].data(), data.data() + i * chunk_bytes, chunk_bytes);
        else
            fill_text(chunks[i], random);
    }
}

/* ------------------------------------------------------------------------------------------- */

std::vector<Chunk> make_corpus(Kind kind)
{
    std::vector<Chunk> chunks(std::clamp<size_t>(size_mib() / 16, 1, 16), Chunk(chunk_bytes));
    Random random(static_cast<uint64_t>(kind) + 100);

    if (kind == Kind::files)
        fill_files(chunks);
    for (Chunk &chunk : chunks) {
        switch (kind) {
        case Kind::files:
        case Kind::zeros:
            break;
        case Kind::text:
            fill_text(chunk, random);
            break;
        case Kind::code:
            fill_code(chunk, random);
            break;
        case Kind::records:
            fill_records(chunk, random);
            break;
        case Kind::bitmap:
            fill_bitmap(chunk, random);
            break;
        case Kind::periodic:
            fill_periodic(chunk, random);
            break;
        case Kind::media:
            fill_media(chunk, random);
            break;
        case Kind::random:
            fill_random(chunk, random);
            break;
        }
    }
    return chunks;
}

bool write_all(int fd, const Chunk &chunk, off_t offset)
{
    return pwrite(fd, chunk.data(), chunk.size(), offset) == static_cast<ssize_t>(chunk.size());
}

} // namespace

const char *kind_name(Kind kind)
{
    switch (kind) {
    case Kind::files:
        return "files";
    case Kind::text:
        return "text";
    case Kind::code:
        return "code";
    case Kind::records:
        return "records";
    case Kind::bitmap:
        return "bitmap";
    case Kind::periodic:
        return "periodic";
    case Kind::media:
        return "media";
    case Kind::random:
        return "random";
    case Kind::zeros:
        return "zeros";
    }
    abort();
}

const std::vector<Kind> &all_kinds()
{
    static const std::vector<Kind> kinds = {
        Kind::files,    Kind::text,  Kind::code,   Kind::records, Kind::bitmap,
        Kind::periodic, Kind::media, Kind::random, Kind::zeros,
    };

    return kinds;
}

const std::vector<Chunk> &corpus(Kind kind)
{
    static std::map<Kind, std::vector<Chunk>> made;
    auto found = made.find(kind);

    if (found == made.end())
        found = made.emplace(kind, make_corpus(kind)).first;
    return found->second;
}

size_t corpus_bytes(Kind kind)
{
    return corpus(kind).size() * chunk_bytes;
}

bool write_disk(const char *path)
{
    constexpr int hole = -1;
    static const std::array<int, 16> plan = {
        int(Kind::files),
        int(Kind::files),
        int(Kind::random),
        int(Kind::files),
        int(Kind::files),
        int(Kind::zeros),
        int(Kind::text),
        int(Kind::files),
        int(Kind::random),
        int(Kind::files),
        hole,
        hole,
        int(Kind::files),
        int(Kind::zeros),
        int(Kind::code),
        int(Kind::files),
    };
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const size_t chunk_count = size_mib();
    bool right = fd >= 0 && ftruncate(fd, static_cast<off_t>(chunk_count * chunk_bytes)) == 0;

    for (size_t i = 0; right && i < chunk_count; i++) {
        const int planned = plan[i % plan.size()];

        if (planned != hole) {
            const std::vector<Chunk> &chunks = corpus(static_cast<Kind>(planned));

            right = write_all(fd, chunks[i % chunks.size()], static_cast<off_t>(i * chunk_bytes));
        }
    }
    if (fd >= 0)
        right = close(fd) == 0 && right;
    return right;
}

} // namespace bench
