"""Word lists of the training data: people, places, companies, goods, media and computing.

Purpose: the raw material of every generated value.  All lists were written for this project
(Apache-2.0); names and places are common ones and combinations of them mean no real person.
Cost: read once at import, a few hundred kilobytes.  Design not taken: a dependency such as a
fake-data package, whose licences and versions would become part of the artefact.
"""

# ruff: noqa: E501  (lists of data, one entry a line)

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _items(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.replace("\n", ",").split(",") if item.strip())


FIRST_NAMES = _words("""
Emma Liam Olivia Noah Ava Elijah Sophia James Isabella William Mia Benjamin Charlotte Lucas Amelia Henry Harper
Alexander Evelyn Michael Abigail Daniel Emily Jacob Ella Logan Elizabeth Jackson Camila Levi Luna Sebastian Sofia Mateo
Avery Jack Mila Owen Aria Theodore Scarlett Aiden Penelope Samuel Layla Joseph Chloe John Victoria David Madison Wyatt
Eleanor Matthew Grace Luke Nora Asher Riley Carter Zoey Julian Hannah Grayson Hazel Leo Lily Jayden Ellie Gabriel Violet
Isaac Lillian Lincoln Zoe Anthony Stella Hudson Aurora Dylan Natalie Ezra Emilia Thomas Everly Charles Leah Christopher
Aubrey Jaxon Willow Maverick Addison Josiah Lucy Isaiah Audrey Andrew Bella Elias Nova Joshua Brooklyn Nathan Paisley
Caleb Savannah Ryan Claire Adrian Skylar Miles Isla Eli Genesis Nolan Naomi Christian Elena Aaron Caroline Cameron Eliana
Ezekiel Anna Colton Maya Luca Valentina Landon Ruby Hunter Kennedy Jonathan Ivy Santiago Ariana Axel Aaliyah Easton
Cora Cooper Madelyn Jeremiah Alice Angel Kinsley Roman Hailey Connor Gabriella Jameson Allison Robert Gianna Greyson
Serenity Jordan Samantha Ian Sarah Carson Autumn Jaxson Quinn Leonardo Eva Nicholas Piper Dominic Sophie Austin Sadie
Everett Josephine Brooks Xavier Nevaeh Kai Adeline Jose Arya Parker Emery Adam Lydia Jace Clara Wesley Vivian Kayden
Rose Silas Madeline Bennett Peyton Declan Julia Waylon Rylee Weston Evan Emmett Micah Ryder Beau Damian Brayden Gael
Rowan Harrison Bryson Sawyer Amir Kingston Jason Giovanni Vincent Ayden Chase Myles Diego Nathaniel Legend Jonah River
Tyler Cole Braxton George Milo Zachary Ashton Luis Jasper Kaiden Adriel Gavin Bentley Calvin Zion Juan Maxwell Max
Ivan Pierre Hans Jurgen Klaus Ingrid Astrid Bjorn Lars Freya Magnus Sven Anja Heidi Marta Piotr Agnieszka Katarzyna
Tomasz Giulia Marco Lorenzo Chiara Francesca Paolo Alessandro Giorgia Matteo Carlos Lucia Javier Carmen Pablo Raquel
Miguel Ines Joao Beatriz Tiago Mariana Rafael Fernanda Thiago Yuki Haruto Sakura Hiroshi Aiko Kenji Naoko Wei Ming Li
Mei Jun Xiu Hao Ling Priya Arjun Ananya Rohan Neha Vikram Sanjay Kavita Rahul Deepa Aisha Omar Fatima Hassan Layan
Yusuf Zainab Khalid Amina Tariq Kwame Ama Chidi Ngozi Zuri Tendai Thandi Sipho Amara Olga Dmitri Natasha Sergei Irina
Mikhail Svetlana Anastasia Nikolai Eszter Zoltan Andrei Ioana Elif Emre Zeynep Mehmet Leila Cyrus Noor Minh Linh Thuy
Siti Budi Dewi Maria Peter Paul Laura Simon Martin Thomas Anne Helen Karen Susan Linda Nancy Betty Sandra Donna Carol
René Chloé Zoë José Søren Björn Jürgen Łukasz Renée André Núria Sinéad Álvaro Åsa
""")

LAST_NAMES = _words("""
Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson Anderson Thomas
Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King
Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell Carter Roberts Gomez
Phillips Evans Turner Diaz Parker Cruz Edwards Collins Reyes Stewart Morris Morales Murphy Cook Rogers Gutierrez Ortiz
Morgan Cooper Peterson Bailey Reed Kelly Howard Ramos Kim Cox Ward Richardson Watson Brooks Chavez Wood Bennett Gray
Mendoza Ruiz Hughes Price Alvarez Castillo Sanders Patel Myers Long Ross Foster Jimenez Powell Jenkins Perry Russell
Sullivan Bell Coleman Butler Henderson Barnes Fisher Vasquez Simmons Romero Jordan Patterson Alexander Hamilton Graham
Reynolds Griffin Wallace West Cole Hayes Bryant Herrera Gibson Ellis Tran Medina Aguilar Stevens Murray Ford Castro
Marshall Owens Harrison Fernandez Woods Washington Kennedy Wells Vargas Henry Chen Freeman Webb Tucker Guzman Burns
Crawford Olson Simpson Porter Hunter Gordon Mendez Silva Shaw Snyder Mason Dixon Munoz Hunt Hicks Holmes Palmer Wagner
Black Robertson Boyd Stone Salazar Fox Warren Mills Meyer Rice Schmidt Garza Daniels Ferguson Nichols Stephens Soto
Weaver Ryan Gardner Payne Grant Dunn Kelley Spencer Hawkins Arnold Pierce Hansen Peters Santos Hart Bradley Knight
Elliott Cunningham Duncan Armstrong Hudson Carroll Lane Riley Andrews Alvarado Ray Delgado Berry Perkins Hoffman
Johnston Matthews Pena Richards Contreras Willis Carpenter Lawrence Sandoval Guerrero George Chapman Rios Estrada
Ortega Watkins Greene Nunez Wheeler Valdez Harper Burke Larson Santiago Maldonado Morrison Franklin Carlson Austin
Dominguez Carr Lawson Jacobs OBrien Lynch Singh Vega Bishop Montgomery Oliver Jensen Harvey Williamson Gilbert Dean
Sims Espinoza Howell Li Wong Reid Hanson Le McCoy Garrett Burton Fuller Wang Weber Welch Rojas Lucas Marquez Fields
Park Yang Little Banks Padilla Day Walsh Bowman Schultz Luna Fowler Mejia Müller Schneider Fischer Becker Hoffmann
Schäfer Koch Bauer Richter Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hartmann Lange Krause Dubois
Durand Leroy Moreau Laurent Lefebvre Michel Bertrand Roux Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau
Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti Costa Mancini Kowalski Nowak
Wisniewski Novak Svoboda Horvath Nagy Popescu Ivanov Petrov Sokolov Volkov Tanaka Suzuki Sato Watanabe Yamamoto
Nakamura Kobayashi Ito Takahashi Zhang Liu Huang Zhao Wu Zhou Sharma Gupta Kumar Mehta Reddy Iyer Khan Ahmed Ali
Hussain Rahman Okafor Mensah Adeyemi Ndlovu Dlamini Abebe Kamau Yilmaz Demir Kaya Hosseini Cohen Levy Andersson
Johansson Karlsson Nilsson Eriksson Larsen Olsen Nielsen Virtanen Korhonen Almeida Ferreira Oliveira Pereira Souza Lindqvist
""")

# city | region | country | two-letter code | dialling code | postal pattern (# digit, @ letter) | latitude | longitude
# | time zone | currency
PLACES = tuple(
    tuple(part.strip() for part in line.split("|"))
    for line in """
New York|New York|United States|US|1|10###|40.71|-74.01|America/New_York|USD
Los Angeles|California|United States|US|1|90###|34.05|-118.24|America/Los_Angeles|USD
Chicago|Illinois|United States|US|1|606##|41.88|-87.63|America/Chicago|USD
Houston|Texas|United States|US|1|770##|29.76|-95.37|America/Chicago|USD
Phoenix|Arizona|United States|US|1|850##|33.45|-112.07|America/Phoenix|USD
Philadelphia|Pennsylvania|United States|US|1|191##|39.95|-75.17|America/New_York|USD
San Antonio|Texas|United States|US|1|782##|29.42|-98.49|America/Chicago|USD
San Diego|California|United States|US|1|921##|32.72|-117.16|America/Los_Angeles|USD
Dallas|Texas|United States|US|1|752##|32.78|-96.80|America/Chicago|USD
Austin|Texas|United States|US|1|787##|30.27|-97.74|America/Chicago|USD
San Francisco|California|United States|US|1|941##|37.77|-122.42|America/Los_Angeles|USD
Seattle|Washington|United States|US|1|981##|47.61|-122.33|America/Los_Angeles|USD
Denver|Colorado|United States|US|1|802##|39.74|-104.99|America/Denver|USD
Boston|Massachusetts|United States|US|1|021##|42.36|-71.06|America/New_York|USD
Portland|Oregon|United States|US|1|972##|45.52|-122.68|America/Los_Angeles|USD
Atlanta|Georgia|United States|US|1|303##|33.75|-84.39|America/New_York|USD
Miami|Florida|United States|US|1|331##|25.76|-80.19|America/New_York|USD
Minneapolis|Minnesota|United States|US|1|554##|44.98|-93.27|America/Chicago|USD
Nashville|Tennessee|United States|US|1|372##|36.16|-86.78|America/Chicago|USD
Springfield|Illinois|United States|US|1|627##|39.80|-89.64|America/Chicago|USD
Toronto|Ontario|Canada|CA|1|M#@ #@#|43.65|-79.38|America/Toronto|CAD
Vancouver|British Columbia|Canada|CA|1|V#@ #@#|49.28|-123.12|America/Vancouver|CAD
Montreal|Quebec|Canada|CA|1|H#@ #@#|45.50|-73.57|America/Toronto|CAD
Calgary|Alberta|Canada|CA|1|T#@ #@#|51.05|-114.07|America/Edmonton|CAD
London|England|United Kingdom|GB|44|SW# #@@|51.51|-0.13|Europe/London|GBP
Manchester|England|United Kingdom|GB|44|M# #@@|53.48|-2.24|Europe/London|GBP
Edinburgh|Scotland|United Kingdom|GB|44|EH# #@@|55.95|-3.19|Europe/London|GBP
Bristol|England|United Kingdom|GB|44|BS# #@@|51.45|-2.59|Europe/London|GBP
Dublin|Leinster|Ireland|IE|353|D0#|53.35|-6.26|Europe/Dublin|EUR
Paris|Île-de-France|France|FR|33|750##|48.86|2.35|Europe/Paris|EUR
Lyon|Auvergne-Rhône-Alpes|France|FR|33|690##|45.76|4.84|Europe/Paris|EUR
Marseille|Provence|France|FR|33|130##|43.30|5.37|Europe/Paris|EUR
Berlin|Berlin|Germany|DE|49|10###|52.52|13.41|Europe/Berlin|EUR
Munich|Bavaria|Germany|DE|49|80###|48.14|11.58|Europe/Berlin|EUR
Hamburg|Hamburg|Germany|DE|49|20###|53.55|9.99|Europe/Berlin|EUR
Cologne|North Rhine-Westphalia|Germany|DE|49|50###|50.94|6.96|Europe/Berlin|EUR
Frankfurt|Hesse|Germany|DE|49|60###|50.11|8.68|Europe/Berlin|EUR
Madrid|Madrid|Spain|ES|34|280##|40.42|-3.70|Europe/Madrid|EUR
Barcelona|Catalonia|Spain|ES|34|080##|41.39|2.17|Europe/Madrid|EUR
Valencia|Valencia|Spain|ES|34|460##|39.47|-0.38|Europe/Madrid|EUR
Lisbon|Lisbon|Portugal|PT|351|1###-###|38.72|-9.14|Europe/Lisbon|EUR
Porto|Norte|Portugal|PT|351|4###-###|41.15|-8.61|Europe/Lisbon|EUR
Rome|Lazio|Italy|IT|39|001##|41.90|12.50|Europe/Rome|EUR
Milan|Lombardy|Italy|IT|39|201##|45.46|9.19|Europe/Rome|EUR
Florence|Tuscany|Italy|IT|39|501##|43.77|11.26|Europe/Rome|EUR
Amsterdam|North Holland|Netherlands|NL|31|10## @@|52.37|4.90|Europe/Amsterdam|EUR
Rotterdam|South Holland|Netherlands|NL|31|30## @@|51.92|4.48|Europe/Amsterdam|EUR
Brussels|Brussels|Belgium|BE|32|10##|50.85|4.35|Europe/Brussels|EUR
Zurich|Zurich|Switzerland|CH|41|80##|47.38|8.54|Europe/Zurich|CHF
Geneva|Geneva|Switzerland|CH|41|12##|46.20|6.14|Europe/Zurich|CHF
Vienna|Vienna|Austria|AT|43|1##0|48.21|16.37|Europe/Vienna|EUR
Copenhagen|Capital Region|Denmark|DK|45|21##|55.68|12.57|Europe/Copenhagen|DKK
Stockholm|Stockholm|Sweden|SE|46|11# ##|59.33|18.07|Europe/Stockholm|SEK
Gothenburg|Västra Götaland|Sweden|SE|46|41# ##|57.71|11.97|Europe/Stockholm|SEK
Oslo|Oslo|Norway|NO|47|01##|59.91|10.75|Europe/Oslo|NOK
Helsinki|Uusimaa|Finland|FI|358|00###|60.17|24.94|Europe/Helsinki|EUR
Warsaw|Masovia|Poland|PL|48|00-###|52.23|21.01|Europe/Warsaw|PLN
Kraków|Lesser Poland|Poland|PL|48|30-###|50.06|19.94|Europe/Warsaw|PLN
Prague|Prague|Czech Republic|CZ|420|110 0#|50.08|14.44|Europe/Prague|CZK
Budapest|Budapest|Hungary|HU|36|10##|47.50|19.04|Europe/Budapest|HUF
Bucharest|Bucharest|Romania|RO|40|01####|44.43|26.10|Europe/Bucharest|RON
Athens|Attica|Greece|GR|30|10# ##|37.98|23.73|Europe/Athens|EUR
Istanbul|Istanbul|Turkey|TR|90|34###|41.01|28.98|Europe/Istanbul|TRY
Tokyo|Tokyo|Japan|JP|81|1##-00##|35.68|139.69|Asia/Tokyo|JPY
Osaka|Osaka|Japan|JP|81|5##-00##|34.69|135.50|Asia/Tokyo|JPY
Kyoto|Kyoto|Japan|JP|81|60#-8###|35.01|135.77|Asia/Tokyo|JPY
Seoul|Seoul|South Korea|KR|82|04###|37.57|126.98|Asia/Seoul|KRW
Beijing|Beijing|China|CN|86|1000##|39.90|116.41|Asia/Shanghai|CNY
Shanghai|Shanghai|China|CN|86|2000##|31.23|121.47|Asia/Shanghai|CNY
Singapore|Singapore|Singapore|SG|65|0#####|1.35|103.82|Asia/Singapore|SGD
Mumbai|Maharashtra|India|IN|91|4000##|19.08|72.88|Asia/Kolkata|INR
Bangalore|Karnataka|India|IN|91|5600##|12.97|77.59|Asia/Kolkata|INR
Delhi|Delhi|India|IN|91|1100##|28.61|77.21|Asia/Kolkata|INR
Bangkok|Bangkok|Thailand|TH|66|10###|13.76|100.50|Asia/Bangkok|THB
Jakarta|Jakarta|Indonesia|ID|62|10###|-6.21|106.85|Asia/Jakarta|IDR
Dubai|Dubai|United Arab Emirates|AE|971|0####|25.20|55.27|Asia/Dubai|AED
Cairo|Cairo|Egypt|EG|20|11###|30.04|31.24|Africa/Cairo|EGP
Nairobi|Nairobi|Kenya|KE|254|00###|-1.29|36.82|Africa/Nairobi|KES
Lagos|Lagos|Nigeria|NG|234|10####|6.52|3.38|Africa/Lagos|NGN
Cape Town|Western Cape|South Africa|ZA|27|80##|-33.92|18.42|Africa/Johannesburg|ZAR
Sydney|New South Wales|Australia|AU|61|20##|-33.87|151.21|Australia/Sydney|AUD
Melbourne|Victoria|Australia|AU|61|30##|-37.81|144.96|Australia/Melbourne|AUD
Brisbane|Queensland|Australia|AU|61|40##|-27.47|153.03|Australia/Brisbane|AUD
Auckland|Auckland|New Zealand|NZ|64|10##|-36.85|174.76|Pacific/Auckland|NZD
São Paulo|São Paulo|Brazil|BR|55|01###-###|-23.55|-46.63|America/Sao_Paulo|BRL
Rio de Janeiro|Rio de Janeiro|Brazil|BR|55|20###-###|-22.91|-43.17|America/Sao_Paulo|BRL
Buenos Aires|Buenos Aires|Argentina|AR|54|C10##|-34.60|-58.38|America/Argentina/Buenos_Aires|ARS
Mexico City|Mexico City|Mexico|MX|52|06###|19.43|-99.13|America/Mexico_City|MXN
Bogotá|Cundinamarca|Colombia|CO|57|11####|4.71|-74.07|America/Bogota|COP
Santiago|Santiago|Chile|CL|56|83#####|-33.45|-70.67|America/Santiago|CLP
Lima|Lima|Peru|PE|51|150##|-12.05|-77.04|America/Lima|PEN
""".strip().splitlines()
)

STREETS = _items("""
Main, Oak, Maple, Cedar, Pine, Elm, Washington, Lake, Hill, Park, Walnut, Spring, North, South, Church, High, Mill, River,
Sunset, Railroad, Jefferson, Center, Jackson, Willow, Highland, Lincoln, Franklin, Chestnut, Meadow, Forest, Broad,
Green, Union, Market, Water, Valley, Prospect, Birch, Cherry, Dogwood, Magnolia, Sycamore, Juniper, Harbor, College,
School, Liberty, Madison, Monroe, Adams, Grant, Victoria, King, Queen, Station, Bridge, Garden, Orchard, Rose, Mulberry,
Summit, Ridge, Canal, Bay, Ocean, Canyon, Desert, Mountain View, Riverside, Lakeview, Hillcrest, Fairview
""")
STREET_KINDS = _words(
    "Street Street Street Avenue Avenue Road Road Lane Drive Boulevard Court Place Way Terrace St Ave Rd"
)

COMPANY_STEMS = _words("""
Acme Northwind Contoso Globex Initech Umbra Vertex Bluebird Evergreen Summit Horizon Pinnacle Cascade Beacon Lighthouse
Harbor Keystone Granite Redwood Sequoia Aurora Nimbus Stratus Zenith Apex Orion Polaris Vega Nova Lumen Quantum Helix
Fusion Catalyst Momentum Velocity Atlas Titan Mercury Argo Falcon Heron Kestrel Sparrow Willow Maple Cedar Birch Copper
Silverline Goldleaf Ironwood Oakridge Riverbend Lakeside Brightside Clearwater Greenfield Sunrise Moonlight Starlight
Crystal Prism Mosaic Compass Anchor Meridian Pacific Atlantic Nordic Alpine Prairie Canyon Mesa Delta Sierra Tundra
""")
COMPANY_KINDS = _items("""
Inc., LLC, Ltd., GmbH, Corp., Group, Labs, Technologies, Systems, Solutions, Partners, Consulting, Logistics, Foods, Media,
Studios, Health, Energy, Robotics, Software, Analytics, Financial, Bank, Insurance, Design, Publishing, Motors, Airlines,
Hotels, Outfitters, & Co., & Sons, Industries, Holdings, Networks, Security, Pharma, Biotech, Interactive, Ventures
""")
DOMAIN_ENDINGS = _words("com com com com org net io co dev app de fr co.uk ca eu")
MAIL_HOSTS = _words(
    "example.com example.com example.org example.net gmail.com mail.com outlook.com company.com test.com fastmail.com"
)

JOB_TITLES = _items("""
Software Engineer, Senior Software Engineer, Data Analyst, Data Scientist, Product Manager, Project Manager, Designer,
UX Designer, Graphic Designer, Marketing Manager, Sales Representative, Account Manager, Accountant, Financial Analyst,
Human Resources Manager, Recruiter, Office Manager, Administrative Assistant, Customer Support Specialist, Teacher,
Professor, Research Scientist, Registered Nurse, Physician, Pharmacist, Dentist, Veterinarian, Lawyer, Paralegal, Chef,
Line Cook, Barista, Electrician, Plumber, Carpenter, Mechanical Engineer, Civil Engineer, Architect, Technical Writer,
Editor, Journalist, Photographer, Backend Developer, Frontend Developer, Full Stack Developer, DevOps Engineer,
Site Reliability Engineer, Security Engineer, Machine Learning Engineer, QA Engineer, Systems Administrator,
Database Administrator, Operations Manager, Supply Chain Analyst, Warehouse Supervisor, Driver, Pilot, Librarian,
Social Worker, Consultant, Business Analyst, Chief Executive Officer, Chief Technology Officer, Director of Engineering,
Vice President of Sales, Content Strategist, Social Media Manager, Copywriter, Translator, Mobile Developer, Team Lead
""")
DEPARTMENTS = _items("""
Engineering, Marketing, Sales, Finance, Human Resources, Operations, Legal, Customer Support, Product, Design, Research,
Information Technology, Logistics, Procurement, Quality Assurance, Security, Administration, Data, Communications
""")
SKILLS = _items("""
Python, JavaScript, TypeScript, SQL, Java, C++, Go, Rust, React, Node.js, Docker, Kubernetes, AWS, Git, Linux, HTML, CSS,
Excel, communication, leadership, project management, teamwork, problem solving, data analysis, machine learning, writing,
public speaking, negotiation, time management, accounting, marketing, graphic design, photography, cooking, Spanish,
French, German, customer service, research, testing, PostgreSQL, MongoDB, Redis, Terraform, GraphQL, Swift, Kotlin, Ruby
""")
HOBBIES = _items("""
reading, hiking, cooking, photography, gardening, painting, cycling, running, swimming, yoga, chess, gaming, traveling,
music, dancing, fishing, camping, knitting, baking, writing, drawing, climbing, skiing, surfing, tennis, football,
basketball, birdwatching, pottery, woodworking, board games, movies, volunteering, meditation, sailing, guitar, piano
""")
LANGUAGES = _items("""
English, Spanish, French, German, Italian, Portuguese, Dutch, Swedish, Polish, Russian, Turkish, Arabic, Hindi, Mandarin,
Japanese, Korean, Vietnamese, Greek, Czech, Danish, Norwegian, Finnish, Hungarian, Hebrew, Thai, Indonesian, Swahili
""")
LANGUAGE_CODES = _words("en en en es fr de it pt nl sv pl ru tr ar hi zh ja ko en-US en-GB fr-FR de-DE es-ES pt-BR")
DEGREES = _items("""
Bachelor of Science, Bachelor of Arts, Master of Science, Master of Arts, Master of Business Administration, PhD,
Associate Degree, High School Diploma, Bachelor of Engineering, Doctor of Medicine
""")
MAJORS = _items("""
Computer Science, Economics, Biology, Mathematics, Physics, Chemistry, Psychology, History, Philosophy, Business,
Electrical Engineering, Mechanical Engineering, English Literature, Political Science, Sociology, Statistics, Nursing, Art
""")
ADJECTIVES = _items("""
Classic, Modern, Premium, Compact, Portable, Wireless, Ergonomic, Lightweight, Durable, Organic, Handmade, Vintage,
Deluxe, Smart, Adjustable, Foldable, Waterproof, Stainless Steel, Wooden, Leather, Cotton, Ceramic, Rechargeable, Mini,
Professional, Essential, Soft, Rustic, Sleek, Ultra, Heavy Duty, Insulated, Natural, Recycled, Digital, Bluetooth, Cordless
""")
# product | category | typical price | typical weight in kilograms
PRODUCTS = tuple(
    tuple(part.strip() for part in item.split("|"))
    for item in """
Desk Lamp|Home|35|1.2;Coffee Maker|Kitchen|80|3.1;Backpack|Travel|60|0.9;Water Bottle|Sports|22|0.3;Headphones|Electronics|120|0.3
Keyboard|Electronics|75|0.8;Mouse|Electronics|30|0.1;Office Chair|Furniture|190|14;Standing Desk|Furniture|420|32;Notebook|Office|9|0.3
Running Shoes|Footwear|95|0.7;Rain Jacket|Clothing|110|0.5;T-Shirt|Clothing|20|0.2;Hoodie|Clothing|45|0.6;Jeans|Clothing|60|0.7
Phone Case|Accessories|18|0.1;Charger|Electronics|25|0.2;Monitor|Electronics|260|5.2;Laptop|Electronics|1100|1.6;Tablet|Electronics|380|0.5
Smart Watch|Electronics|220|0.1;Speaker|Electronics|90|1.1;Camera|Electronics|640|0.8;Tripod|Photography|55|1.4;Toaster|Kitchen|40|1.5
Blender|Kitchen|70|2.6;Frying Pan|Kitchen|38|1.2;Knife Set|Kitchen|85|1.9;Mug|Kitchen|12|0.4;Tea Kettle|Kitchen|42|1.1
Cutting Board|Kitchen|28|1.0;Blanket|Home|48|1.3;Pillow|Home|30|0.8;Rug|Home|140|6;Candle|Home|16|0.4;Picture Frame|Home|19|0.5
Bookshelf|Furniture|130|18;Coffee Table|Furniture|175|16;Sofa|Furniture|780|48;Mattress|Furniture|650|30;Lantern|Outdoors|34|0.6
Tent|Outdoors|210|3.4;Sleeping Bag|Outdoors|90|1.5;Yoga Mat|Sports|32|1.1;Dumbbell Set|Sports|110|20;Bicycle|Sports|540|12
Helmet|Sports|58|0.4;Soccer Ball|Sports|26|0.4;Tennis Racket|Sports|125|0.3;Board Game|Toys|36|1.2;Puzzle|Toys|18|0.7
Building Blocks|Toys|44|1.4;Teddy Bear|Toys|24|0.5;Face Cream|Beauty|28|0.1;Shampoo|Beauty|11|0.4;Toothbrush|Health|15|0.1
Vitamin C|Health|14|0.2;Green Tea|Grocery|8|0.1;Dark Chocolate|Grocery|5|0.1;Olive Oil|Grocery|13|0.9;Honey|Grocery|10|0.5
Coffee Beans|Grocery|17|1.0;Dog Food|Pets|46|10;Cat Toy|Pets|9|0.1;Garden Hose|Garden|33|2.8;Plant Pot|Garden|21|1.7
Drill|Tools|130|1.8;Screwdriver Set|Tools|27|0.9;Tool Box|Tools|49|3.5;Sunglasses|Accessories|65|0.1;Wallet|Accessories|42|0.1
Umbrella|Accessories|24|0.5;Belt|Accessories|29|0.3;Scarf|Clothing|26|0.2;Socks|Clothing|10|0.1;Wool Sweater|Clothing|85|0.6
Ballpoint Pen|Office|4|0.1;Printer|Electronics|170|7;Router|Electronics|95|0.6;USB Cable|Electronics|9|0.1;Power Bank|Electronics|39|0.3
Guitar|Music|310|2.2;Vinyl Record|Music|27|0.3;Novel|Books|15|0.4;Cookbook|Books|29|0.9;Microwave|Kitchen|115|12;Vacuum Cleaner|Home|180|5
""".strip()
    .replace("\n", ";")
    .split(";")
)

COLORS = _words("red blue green black white gray yellow orange purple pink brown navy teal silver gold beige")
MATERIALS = _words("cotton wool leather wood steel aluminum glass plastic ceramic bamboo polyester linen silk rubber")
SIZES = _words("XS S M M L L XL XXL")
BRANDS = _words("""
Northwind Acme Everline Brightway Solara Kinto Halden Nordica Verano Tallis Orbit Pulse Fieldstone Lumina Marlowe Havenly
Rivet Corvus Bellwether Peakform Terra Urbano Zephyr Fabrik Castell Juno Lark Monarch Quill Stellar Trailhead Vantage
""")
TAGS = _words("""
new sale featured popular limited outdoor indoor eco-friendly gift summer winter travel home office kitchen work personal
urgent important beginner advanced tutorial news review guide science technology health fitness food music art design
business finance sports education family vegan vegetarian gluten-free quick easy backend frontend api database security
testing documentation bug feature release python javascript data cloud mobile web open-source
""")
LABEL_KEYS = _words(
    "env team owner region tier version source color size material priority stage project locale theme channel"
)
CUISINES = _words(
    "Italian Mexican Indian Chinese Japanese Thai French Greek Spanish American Korean Vietnamese Turkish Lebanese"
)
DISHES = _items("""
Tomato Soup, Chicken Curry, Spaghetti Carbonara, Vegetable Stir Fry, Beef Stew, Caesar Salad, Mushroom Risotto, Pancakes,
Banana Bread, Apple Pie, Chocolate Cake, Lentil Soup, Fish Tacos, Pad Thai, Margherita Pizza, Greek Salad, Roast Chicken,
Pumpkin Soup, Shakshuka, Ramen, Fried Rice, Lasagna, Quiche Lorraine, Chili con Carne, Blueberry Muffins, Falafel Wrap,
Grilled Salmon, Potato Gratin, Oatmeal Cookies, Lemon Tart, Vegetable Lasagna, Chickpea Salad, Beef Burger, Garlic Bread
""")
INGREDIENTS = _items("""
flour, sugar, salt, butter, eggs, milk, olive oil, garlic, onion, tomatoes, chicken breast, ground beef, rice, pasta,
potatoes, carrots, celery, mushrooms, spinach, basil, parsley, lemon juice, black pepper, paprika, cumin, cinnamon,
vanilla extract, baking powder, cream, cheddar cheese, parmesan, yogurt, honey, soy sauce, ginger, chickpeas, lentils,
coconut milk, bell pepper, zucchini, broccoli, salmon, shrimp, oregano, thyme, cocoa powder, oats, walnuts, bananas, apples
""")
UNITS = _words("g ml cup cups tbsp tsp piece pieces kg l oz cloves")
GENRES = _words(
    "Fantasy Mystery Romance Thriller Horror Biography History Poetry Drama Comedy Action Adventure Documentary Crime"
)
MUSIC_GENRES = _words("Rock Pop Jazz Classical Electronic Folk Blues Country Reggae Soul Metal Ambient Indie")
TITLE_NOUNS = _words("""
Garden River Mountain Shadow Light Secret Journey Winter Summer Night Morning Storm Island Forest City Ocean Memory Silence
Dream House Road Star Fire Stone Bird Clock Letter Mirror Bridge Harvest Song Kingdom Lighthouse Orchard Voyage Horizon
""")
TITLE_ADJECTIVES = _words(
    "Last Silent Hidden Lost Broken Golden Endless Distant Burning Forgotten Secret Quiet Long Wild Little Crimson"
)
TOPICS = _items("""
machine learning, climate change, renewable energy, remote work, urban gardening, personal finance, healthy eating,
software testing, cloud computing, data privacy, web development, public transport, space exploration, modern art,
world history, digital marketing, project management, mental health, sustainable travel, open source software,
artificial intelligence, language learning, home improvement, photography, cybersecurity, supply chains, education
""")
EVENT_KINDS = _items("""
Conference, Workshop, Meetup, Concert, Festival, Webinar, Exhibition, Team Meeting, Birthday Party, Wedding, Fundraiser,
Book Club, Product Launch, Training, Hackathon, Summit, Open House, Marathon, Seminar, Dinner, Yoga Class, Farmers Market
""")
VENUES = _items("""
Town Hall, Convention Center, Community Center, City Library, Grand Hotel, Riverside Park, Main Auditorium, Conference Room A,
Conference Room B, Central Stadium, Art Gallery, University Hall, Botanical Garden, Museum of Modern Art, Online, Cafe Luna
""")
WEATHER = _items(
    "sunny, cloudy, partly cloudy, rainy, light rain, heavy rain, snowy, windy, foggy, stormy, clear, overcast"
)
ANIMALS = _words(
    "dog cat rabbit hamster parrot horse turtle goldfish cow sheep goat duck lion tiger elephant bear wolf fox owl"
)
BREEDS = _items("""
Labrador Retriever, Golden Retriever, Beagle, Poodle, German Shepherd, Siamese, Persian, Maine Coon, Border Collie, Bulldog
""")
PET_NAMES = _words(
    "Buddy Luna Max Bella Charlie Daisy Milo Coco Rocky Molly Oscar Lola Simba Ruby Toby Nala Leo Willow"
)
CAR_MAKES = tuple(
    tuple(part.split("|"))
    for part in """
Toyota|Corolla Toyota|RAV4 Honda|Civic Honda|Accord Ford|Focus Ford|Mustang BMW|X5 Audi|A4 Tesla|Model3 Volkswagen|Golf
Volvo|XC60 Mazda|CX-5 Hyundai|Tucson Kia|Sportage Nissan|Leaf Subaru|Outback Renault|Clio Peugeot|308 Skoda|Octavia Fiat|500
""".split()
)
FUELS = _words("petrol diesel electric hybrid gasoline")
AIRLINES = _items(
    "Skyward Air, Northern Airways, Pacific Wings, Atlas Airlines, Blue Horizon, Meridian Air, Alpine Jet, Coastal Air"
)
AIRPORTS = _words(
    "JFK LAX ORD SFO SEA BOS LHR CDG FRA AMS MAD BCN FCO MUC ZRH CPH ARN HEL IST DXB SIN HND ICN SYD MEL YYZ YVR GRU MEX"
)
SPORTS = _words("football basketball tennis volleyball rugby cricket hockey baseball swimming cycling golf badminton")
TEAM_NAMES = _words(
    "Tigers Eagles Sharks Lions Hawks Wolves Bears Falcons Panthers Rangers United Rovers Wanderers Dynamo"
)
INDUSTRIES = _words(
    "Technology Healthcare Finance Education Retail Manufacturing Logistics Media Energy Hospitality Agriculture Telecommunications"
)
SYMPTOMS = _items(
    "headache, fever, cough, fatigue, sore throat, nausea, back pain, dizziness, rash, joint pain, insomnia"
)
MEDICATIONS = _words(
    "Ibuprofen Paracetamol Amoxicillin Metformin Lisinopril Omeprazole Aspirin Cetirizine Atorvastatin Levothyroxine"
)
DIAGNOSES = _items(
    "Hypertension, Type 2 diabetes, Asthma, Migraine, Seasonal allergy, Influenza, Bronchitis, Anemia, Lower back pain"
)
COURSES = _items("""
Introduction to Programming, Linear Algebra, World History, Organic Chemistry, Data Structures, Creative Writing, Statistics,
Microeconomics, Digital Photography, Public Speaking, Web Development, Spanish for Beginners, Philosophy of Science
""")
UNIVERSITIES = _items("""
State University, University of Toronto, University of Oxford, Stanford University, Technical University of Munich,
National University of Singapore, University of Melbourne, Boston College, City College, University of Amsterdam,
University of Chicago, Riverside College, University of Edinburgh, Kyoto University, Northern Institute of Technology
""")
SERVICES = _words(
    "api auth web worker scheduler cache gateway billing search notifications frontend backend database proxy storage queue"
)
HOST_ENDINGS = _words("example.com example.org internal local service.local example.net cluster.local")
FILE_STEMS = _words(
    "report invoice data image photo backup config notes summary budget index main README presentation export log"
)
FILE_ENDINGS = _words("pdf txt csv json png jpg xlsx docx md py html log zip yaml")
MIME_TYPES = _words(
    "application/json text/html text/plain image/png image/jpeg application/pdf text/csv video/mp4 audio/mpeg"
)
USER_AGENTS = _words("Mozilla/5.0 curl/8.4.0 python-requests/2.31.0 okhttp/4.12.0 PostmanRuntime/7.36.0")
HTTP_PATHS = _words(
    "/ /api/users /api/orders /login /health /api/v1/items /search /static/app.js /api/v2/products /metrics /about /docs"
)
LICENSES = _words("MIT Apache-2.0 BSD-3-Clause GPL-3.0 ISC MPL-2.0")
FRAMEWORKS = _words("react vue django flask express spring rails fastapi angular svelte")
PROJECT_WORDS = _words(
    "atlas beacon falcon orbit harbor mosaic nimbus pixel quartz raven sprout tundra vector willow zephyr comet ember forge"
)
PAYMENT_METHODS = _words("credit_card debit_card paypal bank_transfer cash gift_card")
CARRIERS = _words("UPS FedEx DHL USPS GLS DPD PostNL")
RELATIONSHIPS = _words("spouse parent sibling friend child partner mother father brother sister colleague")
RELIABLE_WORDS = _words("""
alpha beta gamma delta north south east west primary secondary default standard basic premium custom global local internal
external public private main test sample demo draft final temporary
""")
