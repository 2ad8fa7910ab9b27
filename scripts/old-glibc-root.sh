#!/usr/bin/env bash
# Makes build-root-bullseye/, a minimal Debian 11 root (glibc 2.31), and in it `c++`: this machine's g++ 12 with that root's C library.
# A binary it links runs on every glibc from 2.25 on. `npm run prebuilds -- --old-glibc` compiles with it, test/packaging/minimal-root.mjs
# runs the installed package in it. Needs root and debootstrap.
#
# Debian 11's own g++ 10 will not do: what ships is compiled by the compiler that is tested.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD/build-root-bullseye
[ -x "$root/c++" ] && exit 0
rm -rf "$root"
debootstrap --variant=minbase --include=libc6-dev,libgcc-10-dev,libgomp1 bullseye "$root" >"$root.log" 2>&1 || {
  tail -5 "$root.log" >&2
  rm -rf "$root"
  exit 1
}

# The linker follows links from outside the root.
find "$root/usr/lib" "$root/usr/lib64" -maxdepth 2 -type l -lname '/*' | while read -r link; do
  ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$root$(readlink "$link")")" "$link"
done

# g++ 12's own unwinder asks for glibc 2.35 and its library for these two symbols of later versions.
compat=$root/compat
mkdir "$compat"
cp "$root/usr/lib/gcc/x86_64-linux-gnu/10/libgcc_eh.a" "$compat/"
mv "$(realpath "$root/usr/lib/x86_64-linux-gnu/libgomp.so.1")" "$compat/libgomp.so"
rm "$root/usr/lib/x86_64-linux-gnu/libgomp.so.1"
gcc-12 -O2 -fPIC -c -x c - -o "$compat/newer_glibc.o" <<'C'
#include <sys/random.h>
char __libc_single_threaded = 0; /* always take the atomic path */
unsigned arc4random(void) {
  unsigned value;
  while (getrandom(&value, sizeof value, 0) != sizeof value) {
  }
  return value;
}
C

# And these come in older versions too.
cat >"$compat/old_glibc.h" <<'C'
#include <bits/c++config.h>
#undef _GLIBCXX_USE_PTHREAD_COND_CLOCKWAIT
#undef _GLIBCXX_USE_PTHREAD_MUTEX_CLOCKLOCK
#undef _GLIBCXX_USE_PTHREAD_RWLOCK_CLOCKLOCK
__asm__(".symver exp,exp@GLIBC_2.2.5");
__asm__(".symver log,log@GLIBC_2.2.5");
__asm__(".symver pow,pow@GLIBC_2.2.5");
C

headers=/usr/include/c++/12
cat >"$root/c++" <<EOF
#!/bin/sh
exec g++-12 --sysroot=$root -nostdinc++ -isystem $headers -isystem /usr/include/x86_64-linux-gnu/c++/12 -isystem $headers/backward \\
  -include $compat/old_glibc.h -L$compat -L$root/usr/lib/x86_64-linux-gnu -Wl,$compat/newer_glibc.o "\$@"
EOF
chmod +x "$root/c++"
