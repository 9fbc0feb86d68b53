#!/bin/sh
# heist run --slurm against a real Slurm: munged, slurmctld and two slurmd on this machine, set up in a scratch folder and stopped at
# the end. Needs root (slurmd runs tasks as their user) and Debian's slurm-wlm and munge: base/deps.sh install-integration.
. tests/check.sh
PATH=$PATH:/usr/sbin
cluster=$dir/slurm
export SLURM_CONF="$cluster/slurm.conf"

alive() {
    for p in $(cat "$cluster"/*.pid 2>/dev/null); do
        kill -0 "$p" 2>/dev/null && return 0
    done
    return 1
}
stop_daemons() { # by the numbers that they wrote themselves
    for p in n1 n2 ctld munged; do
        [ ! -s "$cluster/$p.pid" ] || kill "$(cat "$cluster/$p.pid")" 2>/dev/null
    done
    i=0
    while [ $i -lt 100 ] && alive; do sleep 0.1 && i=$((i + 1)); done
}
trap 'stop_daemons; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

fatal() { # what cannot be tested is a failure, never skipped
    bad "$1"
    [ -z "${2-}" ] || tail -n 15 "$2"
    echo "$passed passed, $failed failed"
    exit 1
}

# ---- a cluster of two nodes of two cores, whatever this machine has
[ "$(id -u)" = 0 ] || fatal "slurm_test: must be root to start slurmd (sudo make test-integration)"
for p in munged slurmctld slurmd sbatch squeue scontrol; do
    command -v $p >/dev/null || fatal "slurm_test: $p is missing: sh base/deps.sh install-integration"
done
mkdir -p "$cluster/state"
(umask 077 && head -c 1024 /dev/urandom >"$cluster/munge.key")
port=$((20000 + $$ % 10000))
cat >"$SLURM_CONF" <<CONF
ClusterName=heist
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$cluster/munge.socket
CredType=cred/munge
SlurmctldPort=$port
SlurmctldPidFile=$cluster/ctld.pid
SlurmdPidFile=$cluster/%n.pid
SlurmctldLogFile=$cluster/ctld.log
SlurmdLogFile=$cluster/%n.log
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/%n.spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
MaxArraySize=13
KillWait=2
MinJobAge=10
ReturnToService=2
NodeName=n1 NodeHostname=$(hostname) NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=2 RealMemory=4000
NodeName=n2 NodeHostname=$(hostname) NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=2 RealMemory=4000
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
CONF
munged --force --key-file="$cluster/munge.key" --socket="$cluster/munge.socket" --pid-file="$cluster/munged.pid" --log-file="$cluster/munged.log" \
    --seed-file="$cluster/munged.seed" >"$cluster/munged.out" 2>&1 || fatal "munged does not start" "$cluster/munged.out"
slurmctld >"$cluster/ctld.out" 2>&1 || fatal "slurmctld does not start" "$cluster/ctld.out"
for n in n1 n2; do slurmd -N $n >"$cluster/$n.out" 2>&1 || fatal "slurmd $n does not start" "$cluster/$n.out"; done

within() { # SECONDS TEST: waits until it is true
    end=$(($(date +%s) + $1))
    until eval "$2" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt $end ] || return 1
        sleep 0.05
    done
}
within 60 '[ "$(sinfo -h -N -t idle | wc -l)" = 2 ]' || { sinfo -N; fatal "the nodes do not come up" "$cluster/ctld.log"; }
ok

# ---- 20 cells on one victim, in a folder whose name needs quoting; two jobs, as a job may have 12 tasks
work="$dir/it's 100% a folder"
mkdir -p "$work"
cat >"$work/s.ini" <<'INI'
[sweep]
seeds = 1 2
pool  = strokes:n=3000
[victim]
dataset = mnist:n=1000
epochs  = 2
seed    = 1
[defense none]
[defense mad (argmax kept)]
oracle = argmax
seed   = 1
[attack knockoff]
budget = 1000 1500 2000 2500 3000
epochs = 40
INI
cells=20
heist() { (cd "$work" && "$HEIST" "$@"); }
submit() { heist run s.ini --out "out, here" --slurm --partition all --time 10 --cpus 1 --mem 500M "$@" >"$dir/submit.log" 2>&1; }
out="$work/out, here"
queue() { squeue -h -r -o '%F_%K %j' -t "$@" | grep -v '\.collect$' | cut -d ' ' -f 1; }
finished() { within "$1" '[ -z "$(squeue -h)" ]' || { squeue; fatal "the queue does not empty" "$cluster/ctld.log"; }; }

heist run s.ini --out local --jobs 2 >"$dir/local.log" 2>&1
check "the local run" '[ "$(wc -l <"$work/local/results.csv")" = $((cells + 1)) ]'
rm -r "$work/results/cache"
submit
check "a victim and 20 cells are submitted" 'grep -q ": 20 cells submitted, after 1 victims; 0 are with Slurm already, 0 are done" "$dir/submit.log"'
check "in jobs of at most 12 tasks" '[ "$(squeue -h -o %F%j | grep -vc collect)" -ge 3 ]'
submit
check "what is queued is not submitted twice" 'grep -q ": 0 cells submitted, after 0 victims; 20 are with Slurm already" "$dir/submit.log"'
heist status "out, here" >"$dir/status.log" 2>&1
check "status: Slurm has them" 'grep -Eq ": 20 cells: [0-9]+ done, [0-9]+ running, 0 failed, [1-9][0-9]* to go" "$dir/status.log" && grep -Eq "^  Slurm: [0-9]+ tasks run, [1-9][0-9]* wait" "$dir/status.log"'

# ---- a task is cancelled, the process of another is killed, a node is drained and comes back; the cells stand still meanwhile, so that
# fast ones do not end before it is done
cells_on() { # NODE: the processes that compute its cells, one a line: those that hold a cell's lock
    for inode in $(ls -i "$out"/cells/*/.lock | awk '{ print $1 }'); do
        for p in $(awk -v file=":$inode\$" '$2 == "FLOCK" && $6 ~ file { print $5 }' /proc/locks); do
            tr '\0' '\n' <"/proc/$p/environ" | grep -qx "SLURMD_NODENAME=$1" && echo "$p"
        done
    done 2>/dev/null
}
held() { # stops them all; true when four stand still
    for p in $(cells_on n1) $(cells_on n2); do kill -STOP "$p"; done
    [ "$(for p in $(cells_on n1) $(cells_on n2); do grep '^State:.T' "/proc/$p/status"; done | wc -l)" = 4 ]
}
within 300 held || { squeue; fatal "no cells run on both nodes" "$cluster/ctld.log"; }
heist status "out, here" >"$dir/status.log" 2>&1
check "status: four run" 'grep -Eq ": 20 cells: [0-9]+ done, 4 running, 0 failed" "$dir/status.log" && grep -q "  running [0-9a-f]*  mnist" "$dir/status.log"'
scontrol update nodename=n2 state=drain reason=test
scancel "$(queue RUNNING -w n2 | head -n 1)"
for p in $(cells_on n2); do kill -CONT "$p"; done
check "a task's process is killed" 'kill -9 "$(cells_on n1 | head -n 1)"'
within 300 '[ -z "$(squeue -h -w n2)" ]' || fatal "n2 does not drain" "$cluster/ctld.log"
check "a drained node runs nothing" '[ -n "$(queue RUNNING -w n1)" ] && sinfo -h -n n2 -o %T | grep -q drained'
scontrol update nodename=n2 state=resume
check "it comes back" 'within 60 "[ -n \"\$(squeue -h -w n2)\" ]"'
for p in $(cells_on n1); do kill -CONT "$p"; done
finished 300
heist status "out, here" >"$dir/status.log" 2>&1
check "the last job has collected" '[ "$(wc -l <"$out/results.csv")" = $((cells - 2 + 1)) ] && [ -z "$(ls "$out"/cells/*/results.csv 2>/dev/null)" ]'
check "status: two are left, nobody runs them, and the time" 'grep -q ": 20 cells: 18 done, 0 running, 0 failed, 2 to go" "$dir/status.log" && grep -q "nobody runs it" "$dir/status.log" && grep -q "^time to go: about " "$dir/status.log"'

# ---- the same command again
submit
check "what was killed is submitted again, its victim not" 'grep -q ": 2 cells submitted, after 0 victims; 0 are with Slurm already, 18 are done" "$dir/submit.log"'
finished 300
sorted() { numbers "$1/results.csv" | sort; }
sorted "$work/local" >"$dir/a"
sorted "$out" >"$dir/b"
check "the rows of the local run" '[ "$(wc -l <"$dir/a")" = 21 ] && cmp "$dir/a" "$dir/b"'
sort "$work/local/curve.csv" >"$dir/a"
check "and its curves" 'sort "$out/curve.csv" | cmp "$dir/a" -'
check "the victim was trained once" '[ "$(cat "$out"/slurm/*.log | grep -c "^victim: 2 epochs")" = 1 ]'
check "nothing is left in cells/" '! [ -e "$out/cells" ]'
submit
check "nothing to do, nothing submitted" 'grep -q ": 0 cells submitted, after 0 victims; 0 are with Slurm already, 20 are done" "$dir/submit.log" && [ -z "$(squeue -h)" ]'

# ---- what Slurm refuses is one clear line
heist run s.ini --out other --slurm --partition nowhere >"$dir/bad.log" 2>&1
check "a partition that is none" '[ $? != 0 ] && grep -q "^heist run: sbatch ended with status 1: .*[Ii]nvalid partition" "$dir/bad.log" && [ "$(wc -l <"$dir/bad.log")" = 1 ]'
heist run s.ini --out other --slurm --cpus none >"$dir/bad.log" 2>&1
check "no number of cores" 'grep -q "^heist run: --cpus: found .none., expected a number of cores" "$dir/bad.log"'
[ "$failed" = 0 ] || { tail -n 3 "$dir"/*.log "$out"/slurm/*.log; }
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
