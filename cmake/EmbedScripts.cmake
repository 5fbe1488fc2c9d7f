# cmake -D FOLDER=… -D NAMES=lead,… -D OUT=….c -P EmbedScripts.cmake: Lua files as C arrays, each
# with the SHA-1 by which Redis calls a script it knows.
string(REPLACE "," ";" names "${NAMES}")
set(arrays "")
set(table "")
foreach(name IN LISTS names)
  file(READ ${FOLDER}/${name}.lua hex HEX)
  file(SHA1 ${FOLDER}/${name}.lua sha1)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const unsigned char ${name}[] = {${bytes}};\n")
  string(APPEND table "    {\"${name}\", \"${sha1}\", ${name}, sizeof ${name}},\n")
endforeach()
file(
  WRITE ${OUT}
  "#include \"common/redis/script_texts.h\"\n\n${arrays}\nconst struct script_text script_texts[] = {\n${table}};\n"
)
