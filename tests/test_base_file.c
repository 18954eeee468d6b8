/* Files: reading whole ones, plain and gzip, hostile ones too; writing atomically; folders and paths. */
#include "test_base.h"

#include "base/file.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <zlib.h>

static void assert_content(const char *path, const char *text) {
    uint8_t *bytes = NULL;
    size_t n = 0;
    assert_done(lethe__file_read(path, 1000, &bytes, &n));
    assert_int_equal(n, strlen(text));
    assert_string_equal(bytes, text);
    lethe__free(bytes);
}

static void test_read(void **state) {
    (void)state;
    uint8_t *bytes = NULL;
    size_t n = 77;
    write_text("ten", "0123456789");
    assert_content("ten", "0123456789");
    assert_done(lethe__file_read("ten", 10, &bytes, &n));
    assert_int_equal(n, 10);
    assert_int_equal(bytes[10], 0);
    lethe__free(bytes);
    bytes = NULL;
    n = 77;
    assert_fails(lethe__file_read("ten", 9, &bytes, &n), LETHE_INPUT, "ten: holds more than 9 bytes");
    assert_fails(lethe__file_read("absent", 9, &bytes, &n), LETHE_INPUT,
                 "absent: cannot be opened: No such file");
    assert_fails(lethe__file_read(".", 9, &bytes, &n), LETHE_INPUT, "Is a directory");
    assert_null(bytes);
    assert_int_equal(n, 77);
    write_text("empty", "");
    assert_content("empty", "");
}

/* A pipe tells no size: the buffer has to grow. */
static void test_read_pipe(void **state) {
    (void)state;
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(system("head -c 300000 /dev/zero | tr '\\0' x > fifo &"), 0);
    uint8_t *bytes = NULL;
    size_t n = 0;
    assert_done(lethe__file_read("fifo", 1 << 20, &bytes, &n));
    assert_int_equal(n, 300000);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(bytes[i], 'x');
    lethe__free(bytes);
}

static void write_gzip(const char *path, size_t n) {
    gzFile file = gzopen(path, "wb");
    assert_non_null(file);
    for (size_t i = 0; i < n; i++)
        gzputc(file, (int)(i * i % 251));
    assert_int_equal(gzclose(file), Z_OK);
}

static void test_gzip(void **state) {
    (void)state;
    const size_t n_written = 200000;
    uint8_t *bytes = NULL;
    size_t n = 0;
    write_gzip("a.gz", n_written);
    assert_done(lethe__file_read_gzip("a.gz", n_written, &bytes, &n));
    assert_int_equal(n, n_written);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(bytes[i], i * i % 251);
    lethe__free(bytes);
    write_text("plain", "not packed");
    assert_done(lethe__file_read_gzip("plain", 100, &bytes, &n));
    assert_string_equal(bytes, "not packed");
    lethe__free(bytes);
    bytes = NULL;
    assert_fails(lethe__file_read_gzip("a.gz", n_written - 1, &bytes, &n), LETHE_INPUT,
                 "a.gz: holds more than 199999");
    assert_fails(lethe__file_read_gzip("absent.gz", 1, &bytes, &n), LETHE_INPUT,
                 "absent.gz: cannot be opened");
    assert_fails(lethe__file_read_gzip(".", 1, &bytes, &n), LETHE_INPUT, "Is a directory");
    assert_null(bytes);
}

static void test_damaged_gzip(void **state) {
    (void)state;
    uint8_t *packed = NULL, *bytes = NULL;
    size_t n_packed = 0, n = 0;
    write_gzip("a.gz", 5000);
    assert_done(lethe__file_read("a.gz", 100000, &packed, &n_packed));
    for (size_t cut = 3; cut < n_packed; cut += cut < 20 ? 1 : 97) {
        assert_done(lethe__file_write("cut.gz", packed, cut));
        assert_fails(lethe__file_read_gzip("cut.gz", 100000, &bytes, &n), LETHE_INPUT,
                     "cut.gz: cannot be unpacked");
    }
    packed[n_packed / 2] ^= 0x10;
    assert_done(lethe__file_write("bad.gz", packed, n_packed));
    assert_fails(lethe__file_read_gzip("bad.gz", 100000, &bytes, &n), LETHE_INPUT,
                 "bad.gz: cannot be unpacked");
    packed[n_packed / 2] ^= 0x10;
    packed[n_packed - 6] ^= 1; /* the checksum */
    assert_done(lethe__file_write("sum.gz", packed, n_packed));
    assert_fails(lethe__file_read_gzip("sum.gz", 100000, &bytes, &n), LETHE_INPUT,
                 "sum.gz: cannot be unpacked");
    assert_null(bytes);
    lethe__free(packed);
}

/* 64 MiB of zeros pack into some 64 KiB; reading them costs the one buffer of the limit's size. */
static void test_gzip_bomb(void **state) {
    (void)state;
    static const char zeros[1 << 16];
    gzFile file = gzopen("bomb.gz", "wb");
    for (int i = 0; i < 1024; i++)
        assert_int_equal(gzwrite(file, zeros, sizeof zeros), sizeof zeros);
    assert_int_equal(gzclose(file), Z_OK);
    uint8_t *bytes = NULL;
    size_t n = 0;
    uint64_t allocations = lethe__memory_allocations();
    assert_fails(lethe__file_read_gzip("bomb.gz", 1000, &bytes, &n), LETHE_INPUT,
                 "holds more than 1000 bytes");
    assert_int_equal(lethe__memory_allocations(), allocations + 1);
}

static void test_write(void **state) {
    (void)state;
    mode_t mask = umask(027);
    assert_done(lethe__file_write("a", "first", 5));
    struct stat facts;
    assert_int_equal(stat("a", &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0640);
    umask(mask);
    assert_content("a", "first");
    assert_done(lethe__file_write("./a", "second", 6));
    assert_content("a", "second");
    assert_done(lethe__file_write("empty", NULL, 0));
    assert_content("empty", "");
    assert_int_equal(count_files("."), 2);
}

static void test_writer_leaves_the_old_file_until_commit(void **state) {
    (void)state;
    write_text("a", "old");
    lethe__writer *writer = NULL, *other = NULL;
    assert_done(lethe__writer_open("a", &writer));
    assert_done(lethe__writer_open("a", &other));
    assert_int_equal(fprintf(lethe__writer_stream(writer), "%d", 42), 2);
    assert_done(lethe__writer_write(writer, "!", 1));
    assert_content("a", "old");
    assert_int_equal(count_files("."), 3);
    lethe__writer_abandon(&other);
    assert_null(other);
    lethe__writer_abandon(&other);
    assert_content("a", "old");
    assert_done(lethe__writer_commit(&writer));
    assert_null(writer);
    assert_content("a", "42!");
    assert_int_equal(count_files("."), 1);
}

/* A limit on the size of files behaves as a full disk does, in write() and, for buffered bytes, in fflush().
 */
static void test_full_disk(void **state) {
    (void)state;
    static const char zeros[100000];
    write_text("a", "old");
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 1000;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    lethe_status direct = lethe__file_write("a", zeros, sizeof zeros);
    lethe__writer *writer = NULL;
    lethe_status opened = lethe__writer_open("a", &writer);
    lethe_status buffered = lethe__writer_write(writer, zeros, 2000);
    lethe_status committed = lethe__writer_commit(&writer);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(direct, LETHE_FAILED);
    assert_int_equal(opened, LETHE_OK);
    assert_int_equal(buffered, LETHE_OK);
    assert_int_equal(committed, LETHE_FAILED);
    assert_string_equal(lethe_last_message(), "a: cannot be written: File too large");
    assert_null(writer);
    assert_content("a", "old");
    assert_int_equal(count_files("."), 1);
}

static void test_places_that_cannot_be_written(void **state) {
    (void)state;
    lethe__writer *writer = NULL;
    assert_int_equal(mkdir("folder", 0777), 0);
    assert_int_equal(symlink("elsewhere", "link"), 0);
    assert_fails(lethe__writer_open("absent/a", &writer), LETHE_FAILED,
                 "absent/a: cannot be written: No such file");
    assert_fails(lethe__writer_open("folder", &writer), LETHE_FAILED, "folder: is not a regular file");
    assert_fails(lethe__writer_open("link", &writer), LETHE_FAILED, "link: is not a regular file");
    assert_fails(lethe__writer_open("/dev/null", &writer), LETHE_FAILED, "/dev/null: is not a regular file");
    assert_fails(lethe__writer_open("/proc/new", &writer), LETHE_FAILED, "/proc/new: cannot be written");
    assert_null(writer);
    assert_done(lethe__writer_open("folder/a", &writer));
    assert_int_equal(mkdir("folder/a", 0777), 0);
    assert_fails(lethe__writer_commit(&writer), LETHE_FAILED, "folder/a: cannot be written: Is a directory");
    assert_int_equal(count_files("folder"), 1);
}

static void test_folders(void **state) {
    (void)state;
    write_text("file", "");
    assert_true(lethe__file_exists("file"));
    assert_false(lethe__file_exists("."));
    assert_false(lethe__file_exists("absent"));
    assert_true(lethe__folder_exists("."));
    assert_false(lethe__folder_exists("file"));

    assert_done(lethe__folder_create("a/b//c/"));
    assert_true(lethe__folder_exists("a/b/c"));
    assert_done(lethe__folder_create("a/b/c"));
    assert_done(lethe__folder_create("."));
    assert_done(lethe__folder_create("/tmp"));
    assert_fails(lethe__folder_create("file/deep"), LETHE_FAILED, "the folder file cannot be created");
    assert_fails(lethe__folder_create("/proc/no/deep"), LETHE_FAILED,
                 "the folder /proc/no cannot be created");

    assert_done(lethe__file_remove("file"));
    assert_done(lethe__file_remove("file"));
    assert_fails(lethe__file_remove("a"), LETHE_FAILED, "a: cannot be removed");
}

static void assert_joined(const char *folder, const char *name, const char *path) {
    char *joined = NULL;
    assert_done(lethe__path_join(folder, name, &joined));
    assert_string_equal(joined, path);
    lethe__free(joined);
}

static void test_paths(void **state) {
    (void)state;
    assert_joined("a", "b", "a/b");
    assert_joined("a/", "b", "a/b");
    assert_joined("/", "b", "/b");
    assert_joined("", "b", "b");
}

static lethe_status write_and_read(void) {
    uint8_t *bytes = NULL;
    size_t n;
    char *path = NULL;
    lethe_status status = lethe__folder_create("x/y");
    if (status == LETHE_OK)
        status = lethe__path_join("x/y", "a", &path);
    if (status == LETHE_OK)
        status = lethe__file_write(path, "text", 4);
    if (status == LETHE_OK)
        status = lethe__file_read(path, 10, &bytes, &n);
    lethe__free(bytes);
    bytes = NULL;
    if (status == LETHE_OK)
        status = lethe__file_read_gzip("a.gz", 200000, &bytes, &n);
    lethe__free(bytes);
    lethe__free(path);
    return status;
}

static void test_each_allocation_failing(void **state) {
    (void)state;
    write_gzip("a.gz", 150000);
    assert_in_range(fail_each_allocation(write_and_read), 8, 12);
    assert_int_equal(count_files("x/y"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_read),
        TEST(test_read_pipe),
        TEST(test_gzip),
        TEST(test_damaged_gzip),
        TEST(test_gzip_bomb),
        TEST(test_write),
        TEST(test_writer_leaves_the_old_file_until_commit),
        TEST(test_full_disk),
        TEST(test_places_that_cannot_be_written),
        TEST(test_folders),
        TEST(test_paths),
        TEST(test_each_allocation_failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
