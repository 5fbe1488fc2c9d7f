# Writes the text file IN as the C string sample_yaml into OUT.
file(READ ${IN} content)
string(REPLACE "\\" "\\\\" content "${content}")
string(REPLACE "\"" "\\\"" content "${content}")
string(REPLACE "\n" "\\n\"\n    \"" content "${content}")
file(WRITE ${OUT} "#include \"ctl/sample.h\"\n\nconst char sample_yaml[] =\n    \"${content}\";\n")
