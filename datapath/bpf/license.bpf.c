// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
#include "datapath/bpf/kernel.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
