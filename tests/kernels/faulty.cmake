# The faults of faulty/faulty.h, a plugin for each; their right twins and what kernels_command needs are in CMakeLists.txt.
foreach(fault TAIL READ_PAST WRITE_PAST WRITE_BEFORE IGNORE_BEGIN I16 I16_TILED I28_TILED K_MAX K_MAX_ACCEPT NO_BITS ACC_BITS SCRATCH WORKERS STRIDE
              LOWEST FP_MODE CLOBBER MMX HANG SLEEP STATE BLEND EXIT KILL TRAP MANY_ROWS MANY_COLUMNS ROWS_MAX UNITS MUTE REFUSE FUSED FUSED_UNKNOWN)
  faulty_plugin(${fault} linear ${fault})
endforeach()
foreach(fault ROUND PADDING ORDER INEXACT ORDER_NAN ROPE BLOCK AS_IN_FILE)
  faulty_plugin(${fault} rows ${fault})
endforeach()
foreach(fault FLUSH PART MAGNITUDE BACKWARDS TWO_ROUNDINGS WHOLE_VECTORS BLOCK_PADDING INVERSE)
  faulty_plugin(${fault} blocks ${fault})
endforeach()
foreach(fault TABLE_ENTRY TAIL_BLOCK JUNK_BIT)
  faulty_plugin(${fault} ternary5 ${fault})
endforeach()
