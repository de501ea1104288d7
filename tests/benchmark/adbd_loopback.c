/* Preloaded into adbd, which listens on every address: keeps it on loopback, and off virtual sockets. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int socket(int domain, int type, int protocol) {
  int (*real)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
  if (domain == AF_VSOCK) {
    errno = EAFNOSUPPORT;
    return -1;
  }
  return real(domain, type, protocol);
}

int bind(int fd, const struct sockaddr* address, socklen_t size) {
  typedef int (*Bind)(int, const struct sockaddr*, socklen_t);
  Bind real = (Bind)dlsym(RTLD_NEXT, "bind");
  if (address->sa_family == AF_INET && size >= sizeof(struct sockaddr_in)) {
    struct sockaddr_in changed;
    memcpy(&changed, address, sizeof changed);
    changed.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return real(fd, (const struct sockaddr*)&changed, sizeof changed);
  }
  if (address->sa_family == AF_INET6 && size >= sizeof(struct sockaddr_in6)) {
    struct sockaddr_in6 changed;
    memcpy(&changed, address, sizeof changed);
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &changed.sin6_addr);
    return real(fd, (const struct sockaddr*)&changed, sizeof changed);
  }
  return real(fd, address, size);
}
