import cProfile,pstats,time
from pathlib import Path
from drgpay.cases.lists_bytes import Lines
from drgpay.cases.lists_fast import fast_table,_odd_lines,_has_odd_keys
from drgpay.cases.lists_json import marks_of
from drgpay.cases.lists_map import Need
from drgpay.cases.lists_codes import FUND_TYPES
from drgpay.columns import GROUPING_COLUMNS
raw=Path("/tmp/lists/b.jsonl").read_bytes()[:4<<20]; raw=raw[:raw.rfind(b"\n")+1]
need=Need.of(GROUPING_COLUMNS,FUND_TYPES,False)
def t(f,*a):
    b=9
    for _ in range(5):
        s=time.process_time(); f(*a); b=min(b,time.process_time()-s)
    return round(b*1000,1)
u=Lines("a",raw,None); u.lines()
print("fast",t(fast_table,u,need,{}), "odd",t(_odd_lines,u),"keys",t(_has_odd_keys,raw),"marks",t(marks_of,raw))
import cProfile
p=cProfile.Profile(); p.enable(); fast_table(u,need,{}); p.disable(); pstats.Stats(p).sort_stats("cumtime").print_stats(14)
