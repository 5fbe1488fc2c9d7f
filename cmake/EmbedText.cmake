# Writes the text file IN as the C string NAME, which HEADER declares, into OUT.
file(READ ${IN} content)
string(REPLACE "\\" "\\\\" content "${content}")
string(REPLACE "\"" "\\\"" content "${content}")
string(REPLACE "\n" "\\n\"\n    \"" content "${content}")
file(WRITE ${OUT} "#include \"${HEADER}\"\n\nconst char ${NAME}[] =\n    \"${content}\";\n")
