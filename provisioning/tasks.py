"""Doors into the runs: take nothing but ids, call a run, nothing else."""

from celery import shared_task

from provisioning.runs import budgets, checks, expiry, lapsed, orphans, pools, recheck, running, scan, sweep, worker


@shared_task(name="provisioning.work")
def work_task() -> None:
    """Do what is ready, for a short while."""
    worker.work_on()


@shared_task(name="provisioning.sweep")
def sweep_task() -> None:
    """Find ready rows and overdue approvals."""
    sweep.sweep()


@shared_task(name="provisioning.recheck")
def recheck_task() -> None:
    """Look again at what is suspected, or asked for."""
    recheck.sweep()


@shared_task(name="provisioning.orphans")
def orphans_task() -> None:
    """Remove what should not exist."""
    orphans.sweep()


@shared_task(name="provisioning.expire")
def expire_task() -> None:
    """Warn, suspend and destroy what is due."""
    expiry.sweep()


@shared_task(name="provisioning.check_targets")
def check_targets_task() -> None:
    """Try the targets that somebody asked about."""
    checks.check_asked()


@shared_task(name="provisioning.scan")
def scan_task() -> None:
    """List what exists where somebody asked for it."""
    scan.sweep()


@shared_task(name="provisioning.budgets")
def budgets_task() -> None:
    """Announce the thresholds that budgets have reached."""
    budgets.sweep()


@shared_task(name="provisioning.pools")
def pools_task() -> None:
    """Keep warm pools as full as they shall be."""
    pools.sweep()


@shared_task(name="provisioning.waivers")
def waivers_task() -> None:
    """Remind of waivers that end, end them, and judge again what ran on one."""
    lapsed.sweep()


@shared_task(name="provisioning.judge_running")
def judge_running_task() -> None:
    """Judge again what runs."""
    running.sweep()
