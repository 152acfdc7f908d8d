# embed(TARGET FILE SYMBOL): the bytes of FILE are in the program as they are, from SYMBOL to
# SYMBOL_end. The assembler reads them, and the compiler need not.
function(embed target file symbol)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded/${symbol}.S)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"        .section .rodata
        .global @symbol@, @symbol@_end
@symbol@:
        .incbin \"@file@\"
@symbol@_end:
        .section .note.GNU-stack, \"\", %progbits
")
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS ${file})
  target_sources(${target} PRIVATE ${source})
endfunction()
