"""The kinds of faults that tests bring about, each with the test that does; the README counts them."""

from __future__ import annotations

from collections.abc import Mapping

# kind of fault (Chinese, English): file and test
KINDS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("随机时刻杀死年度清算", "year end killed at a random moment"): ("kill", "test_year_end__killed_at_random_moments"),
    ("随机时刻杀死月度、模拟、分组", "month, simulate, group killed at a random moment"): ("kill", "test_other_commands__killed_at_random_moments"),
    ("Ctrl-C、终止、断线信号", "Ctrl-C, SIGTERM, SIGHUP"): ("kill", "test_year_end__asked_to_stop"),
    ("误把没写完的结果当作结果", "an unfinished folder given as a run"): ("kill", "test_unfinished_folder__is_no_run"),
    ("写结果时磁盘满", "disk full while the run is written"): ("disk", "test_year_end__disk_full_at_any_file"),
    ("磁盘满，腾出空间后重来", "disk full, then room is made"): ("disk", "test_year_end__room_made_on_a_full_disk"),
    ("临时文件夹满", "temporary folder full"): ("disk", "test_year_end__temporary_folder_full"),
    ("单个文件大小受限", "size of a file limited"): ("disk", "test_year_end__size_of_files_limited"),
    ("分组结果磁盘满", "disk full while groups are written"): ("disk", "test_group__disk_full"),
    ("月度、模拟结果磁盘满", "disk full while a month or a simulation is written"): ("disk", "test_other_folders__disk_full"),
    ("无写权限的文件夹", "folder without permission to write"): ("places", "test_year_end__folder_not_to_be_written"),
    ("只读磁盘", "disk that can only be read"): ("places", "test_year_end__disk_that_can_only_be_read"),
    ("上级文件夹不存在", "parent folder missing"): ("places", "test_year_end__parent_missing"),
    ("结果处已有文件或文件夹", "something at the target already"): ("places", "test_year_end__target_taken"),
    ("无权读取输入", "input without permission to read"): ("places", "test_year_end__input_not_to_be_read"),
    ("病例或历史文件读取期间被删改、截断、替换", "case or history file deleted, cut, replaced or altered meanwhile"): ("places", "test_year_end__input_changed_meanwhile"),
    ("参数表读取期间被删改", "small table deleted or altered meanwhile"): ("places", "test_year_end__table_changed_meanwhile"),
    ("时钟回拨、时区、语言环境、umask 等", "clock set back, time zone, locale, umask"): ("again", "test_year_end__same_bytes_under_another_setting"),
    ("另一进程、另一散列种子", "another process and hash seed"): ("again", "test_year_end__same_bytes_in_another_process"),
    ("线程数不同、内存或磁盘", "another number of threads, memory or disk"): ("again", "test_year_end__same_bytes_with_threads_and_on_disk"),
    ("行的次序、文件和行组的划分不同", "other order of rows, files and row groups"): ("again", "test_year_end__other_order_of_rows_and_other_files"),
    ("两次运行同写一处", "two runs at once with one target"): ("two", "test_year_end__two_at_once_with_one_target"),
    ("最后一刻名称被占", "name taken at the last moment"): ("two", "test_year_end__name_taken_at_the_last_moment"),
    ("两次运行同读一处", "two runs at once of one region"): ("two", "test_year_end__two_at_once_with_two_targets"),
    ("一边写一边读", "a reader beside a writer"): ("two", "test_why__while_another_run_writes"),
    ("死进程的遗留文件夹", "folders left by dead processes"): ("two", "test_whole_folder__remains_of_the_dead_are_deleted"),
    ("看不见的进程（容器）的文件夹", "folder of a process that cannot be seen"): ("two", "test_whole_folder__locked_by_a_process_that_cannot_be_seen"),
    ("死进程的遗留临时文件", "temporary files left by dead processes"): ("two", "test_spill_folder__remains_of_the_dead_are_deleted"),
}  # fmt: skip
