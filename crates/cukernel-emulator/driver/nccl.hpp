// NCCL for the processes of one machine: numbers go through a file in shared memory, with a slot for each pair of ranks.
// A collective verb is sends and receives to and from all, and what was asked for is done before the call returns, or the end
// of its group. Sums are made from the last rank to the first: another order than that of any tree.
#pragma once
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace nccl {
enum { SUCCESS = 0, SYSTEM_ERROR = 2, INVALID_ARGUMENT = 4, INVALID_USAGE = 5, FLOAT = 7, BFLOAT16 = 9, SUM = 0 };
constexpr size_t SLOT = 1 << 16;  // bytes on their way from one rank to another

struct Id { char text[128]; };
struct Slot { std::atomic<uint64_t> written, read; size_t size; char bytes[SLOT]; };
struct Comm { Slot* slots; size_t bytes; int rank, size; };
struct Transfer { Comm* comm; int peer; char* place; size_t left; bool sends; };

inline thread_local std::string last_error;
inline thread_local int groups;
inline thread_local std::vector<Transfer> waiting;           // of the open group
inline thread_local std::vector<std::function<void()>> then;  // what follows them

inline int refuse(int code, const std::string& why) {
    last_error = why;
    return code;
}

// Moves what can be moved; whether the transfer is done.
inline bool advance(Transfer& transfer) {
    int from = transfer.sends ? transfer.comm->rank : transfer.peer, to = transfer.sends ? transfer.peer : transfer.comm->rank;
    Slot& slot = transfer.comm->slots[from * transfer.comm->size + to];
    if (transfer.sends && slot.written == slot.read) {
        slot.size = std::min(transfer.left, SLOT);
        memcpy(slot.bytes, transfer.place, slot.size);
        transfer.place += slot.size, transfer.left -= slot.size;
        slot.written++;
    } else if (!transfer.sends && slot.written > slot.read) {
        if (slot.size > transfer.left) fprintf(stderr, "emulated NCCL: rank %d sent more than rank %d expects\n", from, to), abort();
        memcpy(transfer.place, slot.bytes, slot.size);
        transfer.place += slot.size, transfer.left -= slot.size;
        slot.read++;
    }
    return transfer.left == 0;
}

// Does all that was asked for; those to or from one peer one after the other.
inline int finish() {
    std::map<std::pair<int, bool>, std::deque<Transfer>> lines;
    for (Transfer& transfer : waiting)
        if (transfer.left) lines[{transfer.peer, transfer.sends}].push_back(transfer);
    waiting.clear();
    while (!lines.empty()) {
        for (auto line = lines.begin(); line != lines.end();) {
            if (advance(line->second.front())) line->second.pop_front();
            line = line->second.empty() ? lines.erase(line) : std::next(line);
        }
        sched_yield();
    }
    for (auto& work : then) work();
    then.clear();
    return SUCCESS;
}
inline size_t size_of(int type) { return type == FLOAT ? 4 : type == BFLOAT16 ? 2 : 0; }
inline void ask(Comm* comm, int peer, const void* place, size_t bytes, bool sends) {
    waiting.push_back({comm, peer, (char*)place, bytes, sends});
}
inline int ended() { return groups ? (int)SUCCESS : finish(); }

// Asks for everybody's numbers, and for their sums, each rounded to their type.
template <class T>
void reduce(Comm* comm, const void* from, void* to, size_t count) {
    auto all = std::make_shared<std::vector<T>>(count * comm->size);
    for (int peer = 0; peer < comm->size; peer++) {
        ask(comm, peer, from, count * sizeof(T), true);
        ask(comm, peer, all->data() + peer * count, count * sizeof(T), false);
    }
    then.push_back([=] {
        for (size_t i = 0; i < count; i++) {
            T sum = (*all)[(comm->size - 1) * count + i];
            for (int rank = comm->size - 1; rank-- > 0;) sum = narrow<T>(wide(sum) + wide((*all)[rank * count + i]));
            ((T*)to)[i] = sum;
        }
    });
}
}  // namespace nccl

extern "C" {
int ncclGetVersion(int* version) { *version = 22809; return 0; }
const char* ncclGetErrorString(int code) { return code == nccl::INVALID_USAGE ? "invalid usage" : code == nccl::SYSTEM_ERROR ? "unhandled system error" : "invalid argument"; }
const char* ncclGetLastError(void*) { return nccl::last_error.c_str(); }
int ncclGetUniqueId(nccl::Id* id) {
    memset(id, 0, sizeof *id);
    snprintf(id->text, sizeof id->text, "/emulated-nccl-%d-%p", getpid(), (void*)id);
    return 0;
}
int ncclCommInitRank(void** out, int size, nccl::Id id, int rank) {
    size_t bytes = (size_t)size * size * sizeof(nccl::Slot) + sizeof(std::atomic<int>);
    int file = shm_open(id.text, O_RDWR | O_CREAT, 0600);
    if (file < 0 || ftruncate(file, bytes) != 0) return nccl::refuse(nccl::SYSTEM_ERROR, std::string("shared memory ") + id.text);
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory == MAP_FAILED) return nccl::refuse(nccl::SYSTEM_ERROR, std::string("shared memory ") + id.text);
    nccl::Slot* slots = (nccl::Slot*)memory;
    std::atomic<int>& there = *(std::atomic<int>*)(slots + size * size);
    for (there++; there < size;) usleep(1000);
    shm_unlink(id.text);  // the memory stays until all have left
    *out = new nccl::Comm{slots, bytes, rank, size};
    return 0;
}
int ncclCommAbort(void* comm) {
    munmap(((nccl::Comm*)comm)->slots, ((nccl::Comm*)comm)->bytes);
    delete (nccl::Comm*)comm;
    return 0;
}
int ncclCommGetAsyncError(void*, int* code) { *code = 0; return 0; }
int ncclGroupStart() { nccl::groups++; return 0; }
int ncclGroupEnd() {
    if (nccl::groups == 0) return nccl::refuse(nccl::INVALID_USAGE, "no group was started");
    nccl::groups--;
    return nccl::ended();
}
static int allowed(const char* function, void* comm, const void* from, size_t sent, const void* to, size_t received, int type) {
    size_t each = nccl::size_of(type);
    if (!comm || !each) return nccl::refuse(nccl::INVALID_ARGUMENT, std::string(function) + ": a communicator, and f32 or bf16, are expected");
    if (!inside((Address)from, each * sent) || !inside((Address)to, each * received)) return nccl::refuse(nccl::INVALID_ARGUMENT, std::string(function) + ": numbers that are not in one allocation");
    return 0;
}
int ncclSend(const void* from, size_t count, int type, int peer, void* comm, void*) {
    if (int code = allowed(__func__, comm, from, count, from, count, type)) return code;
    nccl::ask((nccl::Comm*)comm, peer, from, count * nccl::size_of(type), true);
    return nccl::ended();
}
int ncclRecv(void* to, size_t count, int type, int peer, void* comm, void*) {
    if (int code = allowed(__func__, comm, to, count, to, count, type)) return code;
    nccl::ask((nccl::Comm*)comm, peer, to, count * nccl::size_of(type), false);
    return nccl::ended();
}
int ncclAllGather(const void* from, void* to, size_t count, int type, void* c, void*) {
    nccl::Comm* comm = (nccl::Comm*)c;
    if (int code = allowed(__func__, comm, from, count, to, count * comm->size, type)) return code;
    size_t bytes = count * nccl::size_of(type);
    for (int peer = 0; peer < comm->size; peer++) {
        nccl::ask(comm, peer, from, bytes, true);
        nccl::ask(comm, peer, (char*)to + peer * bytes, bytes, false);
    }
    return nccl::ended();
}
int ncclAllReduce(const void* from, void* to, size_t count, int type, int operation, void* c, void*) {
    nccl::Comm* comm = (nccl::Comm*)c;
    if (int code = allowed(__func__, comm, from, count, to, count, type)) return code;
    if (operation != nccl::SUM) return nccl::refuse(nccl::INVALID_ARGUMENT, "only sums are emulated");
    if (type == nccl::FLOAT) nccl::reduce<float>(comm, from, to, count);
    else nccl::reduce<Half>(comm, from, to, count);
    return nccl::ended();
}
}
